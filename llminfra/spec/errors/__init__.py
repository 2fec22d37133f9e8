"""What is told of an object that was refused: what its field takes, what was meant, and what is left of it."""
