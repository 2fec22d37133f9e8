"""What is left for the cache, by engine, and whether it starts: with the words the engine would use if not."""
