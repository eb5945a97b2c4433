"""Protocol between model providers and recipients: names, errors, profiles, manifests, wire messages.

Independent of HTTP libraries, databases and storage. Both sides depend on it, and not on each other.
"""
