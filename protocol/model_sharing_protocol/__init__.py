"""Protocol between model providers and recipients: names, errors, profiles, manifests, wire messages.

Knows nothing of HTTP libraries, databases or storage; both sides depend on it and on nothing of each other.
"""
