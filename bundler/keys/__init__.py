"""Keys of the publisher: files, tokens, and the secrets that open them."""
