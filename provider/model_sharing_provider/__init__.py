"""The provider: a metastore of models, shares and recipients, and the service that shares them."""
