"""Pretraining: from settings to a loop that can stop and resume."""
