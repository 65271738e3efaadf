"""The service: everything that ``relay run`` runs."""
