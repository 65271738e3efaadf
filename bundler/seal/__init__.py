"""Sealing: bundles are written, verified, and get their names in one step."""
