"""Mounting: from an activation link and a profile to a share that is mounted, and the checks of a mount."""
