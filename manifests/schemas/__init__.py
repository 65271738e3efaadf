"""JSON Schemas: those that ship, and checking by them."""
