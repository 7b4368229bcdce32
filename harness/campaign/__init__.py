"""A campaign goes from a request to a plan, to executors, to rows in the leaderboard."""
