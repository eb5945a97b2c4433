"""Requests, text, values and models that are meant to do harm."""
