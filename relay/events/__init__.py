"""Events: what happened at this site."""
