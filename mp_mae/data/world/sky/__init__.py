"""Sun, climate and weather of the simulated world."""
