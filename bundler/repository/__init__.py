"""The publisher's TUF repository."""
