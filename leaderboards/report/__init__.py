"""The report: one HTML file with everything a leaderboard says, readable offline and on a phone."""
