"""The demo suite: four tasks on the simulated world, written in GEO-Bench's own layout."""
