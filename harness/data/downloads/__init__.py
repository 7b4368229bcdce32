"""Published data: what can be downloaded, what of it and of other data is here, and whether its files are sound."""
