"""Data looked through: everything read once, and stored statistics held against those of the values."""
