"""The faces: each translates HTTP to calls of services and back. None decides anything."""
