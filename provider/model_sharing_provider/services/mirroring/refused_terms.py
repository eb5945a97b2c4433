"""Error for files of a shared catalog that its provider gives only to those who accept its terms."""

from __future__ import annotations

import re

from model_sharing_protocol.errors import TermsNotAccepted
from model_sharing_provider.domain.mirrors import Mirror
from model_sharing_provider.domain.securables import ModelVersion

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def terms_refusal(mirror: Mirror, version: ModelVersion, refusal: TermsNotAccepted) -> TermsNotAccepted:
    """TermsNotAccepted with the digests of a provider's refusal, and the commands of the catalog's owner."""
    digests = " ".join(dict.fromkeys(_DIGEST.findall(refusal.message)))
    return TermsNotAccepted(
        f"The files of version {version.version} of '{version.full_name}' are not here: the terms "
        f"{digests or 'of its provider'} are not accepted, which {mirror.shown} asks for. The owner of the "
        f"catalog reads them with 'catalog terms {mirror.catalog}', and accepts them with: "
        f"model-sharing-provider catalog accept-terms {mirror.catalog} {digests or 'DIGEST'}"
    )
