"""Receipts: what this site has, signed by its own key."""
