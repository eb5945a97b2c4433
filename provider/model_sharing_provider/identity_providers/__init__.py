"""Identity providers: issuers of the tokens that recipients and principals sign in with, and their keys."""
