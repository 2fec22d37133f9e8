"""What a release of an engine does about memory: its rules and defaults, and a case with them filled in."""
