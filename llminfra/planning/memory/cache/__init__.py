"""The cache: bytes of a page by kind of layer, and from free memory to blocks, tokens and concurrency."""
