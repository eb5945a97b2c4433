"""A provider played by the tests of the recipient: it speaks the protocol and misbehaves as told."""
