"""What a model provider and its recipients say to each other: names, errors, profiles, manifests, messages.

Knows nothing of HTTP libraries, databases or storage; both sides depend on it and on nothing of each other.
"""
