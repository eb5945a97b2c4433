"""Services: authorization, decisions and auditing of every call, whatever its caller and face.

Services take a `Context` first and return domain values; they know neither HTTP nor SQL.
"""
