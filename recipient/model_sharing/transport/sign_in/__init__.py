"""Sign-in by a profile: access tokens from a token endpoint, or from the machine's own identity."""
