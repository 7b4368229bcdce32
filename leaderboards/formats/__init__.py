"""Files that others wrote, as rows."""
