"""Transfer of file contents over HTTP: connections without credentials, resumed, limited and retried."""
