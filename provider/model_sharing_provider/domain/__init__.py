"""Domain: frozen values that every layer may use, and that depend on none."""
