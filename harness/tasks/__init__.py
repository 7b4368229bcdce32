"""What labels can be: one file a kind."""
