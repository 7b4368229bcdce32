"""One DuckDB file: what it defines, who reads it, who writes it."""
