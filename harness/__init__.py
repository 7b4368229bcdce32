"""Evaluate pretrained backbones on GEO-Bench by the same protocols and keep every result."""
