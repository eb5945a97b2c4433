"""What can be done, whoever asks and through whichever face: authorize, decide, audit.

Services take a `Context` first and return domain values; they know neither HTTP nor SQL.
"""
