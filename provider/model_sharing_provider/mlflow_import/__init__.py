"""Bring what is registered on an MLflow server into this registry. Speaks MLflow's REST; needs no MLflow."""
