"""What a start takes beside weights and cache: the profiling run, libraries, NCCL, captured graphs."""
