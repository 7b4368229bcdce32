"""What an optimizer step is made of: its micro-batches, ways to leave it, and what to say where it found no number."""
