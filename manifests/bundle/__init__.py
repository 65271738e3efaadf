"""Bundles: opened, and believed or refused."""
