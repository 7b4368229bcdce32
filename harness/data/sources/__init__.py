"""Where datasets come from: one folder a source."""
