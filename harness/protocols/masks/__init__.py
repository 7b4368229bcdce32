"""Protocols that get feature maps and masks."""
