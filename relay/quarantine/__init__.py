"""The quarantine of refused bundles."""
