"""Activation links: recipients get them from an administrator, and open them once for their profile file."""

from __future__ import annotations

ACTIVATION_PREFIX = "/api/2.1/unity-catalog/public"
ACTIVATION_PATH = f"{ACTIVATION_PREFIX}/data_sharing_activation"
