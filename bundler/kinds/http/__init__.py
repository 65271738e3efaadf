"""Kind ``http``: files from web servers."""
