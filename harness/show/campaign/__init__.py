"""What a campaign shows: how it goes, and what came of it."""
