"""Regression checks of label-efficiency curves."""
