"""Import of registered models from an MLflow server, over its REST API, without MLflow itself."""
