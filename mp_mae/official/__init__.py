"""Checkpoints in the MMEarth project's own layout."""
