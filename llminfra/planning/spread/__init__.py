"""The spread of a replica over GPUs: the ways there are, what each is worth, which is taken."""
