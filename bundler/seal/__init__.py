"""Sealing: bundles written, verified, and put in place as one step."""
