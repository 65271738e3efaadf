"""The pages that are not files, one file each, in one table."""
