"""Rings: which generation each group of agents is served."""
