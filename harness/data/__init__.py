"""Datasets: found and described by their sources, and converted once into memory-mapped arrays (docs/formats.md)."""
