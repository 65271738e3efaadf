"""How each content of the next bundle travels: held, as a patch, in parts, whole; and in which volume."""
