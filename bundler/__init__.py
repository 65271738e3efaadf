"""The DMZ side: sources, sealing, keys. May dial out. Command: ``bundle``."""
