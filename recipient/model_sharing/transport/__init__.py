"""Transport: HTTP to a provider, with bounds on what it may send, retries, and network errors explained."""
