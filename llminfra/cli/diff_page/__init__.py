"""What two plans decide differently, and what of what is there goes with it."""
