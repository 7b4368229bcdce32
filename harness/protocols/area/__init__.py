"""Protocols that get features of images and the fractions classes cover."""
