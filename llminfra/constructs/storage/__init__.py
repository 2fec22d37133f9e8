"""Buckets, file systems, and what copies models and archives into them."""
