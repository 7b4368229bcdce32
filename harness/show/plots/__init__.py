"""Pictures of what a leaderboard holds."""
