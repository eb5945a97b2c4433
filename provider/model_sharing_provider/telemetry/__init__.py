"""Telemetry that the lower floors report and the server turns into metrics and traces."""
