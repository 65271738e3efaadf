"""The isolated side: inbox, import, store, serving. The service never dials out. Command: ``relay``."""
