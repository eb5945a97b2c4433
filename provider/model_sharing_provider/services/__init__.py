"""Services: authorize, decide and audit whatever is done, whoever asks and through whichever face.

Services take a `Context` first and return domain values; they know neither HTTP nor SQL.
"""
