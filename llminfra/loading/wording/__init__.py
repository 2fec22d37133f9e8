"""Findings in the words and with the lines of the user's file, whatever its format."""
