"""The ceremony: who holds which key of the publisher, and how a new root comes into force."""
