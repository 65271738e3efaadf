"""Pulling every configured source, and what is remembered of each pull."""
