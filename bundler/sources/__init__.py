"""The contract that every kind of source fulfils, and what kinds share."""
