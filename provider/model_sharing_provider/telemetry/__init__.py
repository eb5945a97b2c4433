"""Telemetry: the log, and reports of the lower layers, from which the server makes metrics and traces."""
