"""Ground, cover and plants of the simulated world."""
