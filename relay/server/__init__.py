"""Serving over HTTPS: what a path means, RFC 9110 in pure functions, and the server around them."""
