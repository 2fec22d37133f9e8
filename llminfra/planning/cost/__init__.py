"""What a platform costs an hour: thing by thing, by stack, by endpoint."""
