"""The jobs of a publisher, each one step under the lock of its home."""
