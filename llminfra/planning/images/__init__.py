"""Which images and charts a platform runs."""
