"""The cold start: its phases, the ways to read weights, images and kernels, and which are worth declaring."""
