"""No data: what it is in images and masks of any source, and what becomes of it (docs/formats.md, "No data")."""
