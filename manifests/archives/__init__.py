"""Foreign archives, looked into without unpacking them to disk."""
