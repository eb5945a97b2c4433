"""Network settings of both sides: proxies, certificate authorities, and unencrypted connections."""
