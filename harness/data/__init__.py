"""GEO-Bench datasets: found, read without their own package, and converted once into memory-mapped arrays."""
