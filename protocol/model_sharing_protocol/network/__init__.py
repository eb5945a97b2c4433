"""Network conditions of both sides: proxies, certificate authorities, and what travels in the clear."""
