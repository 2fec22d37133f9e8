"""What is asked: one serving configuration, how people write it, and the record of the answer."""
