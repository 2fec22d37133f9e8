"""Speed of rehearsals."""
