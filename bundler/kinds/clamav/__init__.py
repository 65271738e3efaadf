"""Kind ``clamav``: a mirror that freshclam accepts."""
