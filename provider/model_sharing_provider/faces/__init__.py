"""Faces: the APIs of this server, one for each family of clients.

A face translates HTTP to calls of services and back; it decides nothing, and imports no other face. Each is a
`Face` with a table of routes (see `http.routes`); `table` lists them all.
"""
