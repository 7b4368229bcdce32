"""The values that cross borders. Imports nothing above it."""
