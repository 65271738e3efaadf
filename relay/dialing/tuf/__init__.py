"""An ordinary TUF client."""
