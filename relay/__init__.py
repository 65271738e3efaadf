"""The isolated side: inbox, import, store, serving. Never dials out. Command: ``relay``."""
