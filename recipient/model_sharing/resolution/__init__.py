"""Resolution: the version that a reference names, as the provider signed it just now or before."""
