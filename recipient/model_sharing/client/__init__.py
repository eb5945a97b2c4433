"""OpenSharing client: one typed method for each call of the protocol, with its pages followed."""
