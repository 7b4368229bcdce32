"""GEO-Bench v1.0 on disk."""
