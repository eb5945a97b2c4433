"""Files API: files of model versions, presigned URLs for them, and artifacts of runs and logged models."""
