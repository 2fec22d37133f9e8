"""What an engine printed while it started: read from its log, and put beside what the memory model says of it."""
