"""Protocols that get one vector of features an image."""
