"""Importing: a bundle verified and stored, until its generation is held."""
