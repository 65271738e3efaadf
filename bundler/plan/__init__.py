"""How each content of the next version travels to readers: not at all, as a patch, in parts, whole; in which volume."""
