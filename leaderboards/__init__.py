"""The DuckDB leaderboard: schema, store, views and queries. Imports neither torch nor our other packages."""
