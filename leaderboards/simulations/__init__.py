"""How often intervals cover the truth and checks find a regression: what docs/statistics.md and docs/ci.md table."""
