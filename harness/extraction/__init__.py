"""From arrays to features: what enters a backbone, and what it makes of it."""
