"""The encoder at visible patches only."""
