"""The relay's store of content: what is in it, in parts, missing, damaged, no longer needed."""
