"""Trainings whose loss compares all tiles of a step: how their gradients are found, and looks at held-out tiles."""
