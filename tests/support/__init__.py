"""Helpers of the tests, in rooms by subject; tests/README.md says what is where."""
