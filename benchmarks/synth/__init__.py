"""Speed of synthesis."""
