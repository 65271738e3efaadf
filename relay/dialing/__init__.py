"""All that dials out: commands of their own, never the service."""
