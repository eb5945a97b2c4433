"""Domain: frozen values that every layer may hold, and that know no layer."""
