"""What `run` says."""
