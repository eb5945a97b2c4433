"""Transport over HTTP to a provider: bounds on responses, retries, network errors explained."""
