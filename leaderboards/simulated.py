"""Which suites are of simulated images: kept apart from real ones, and labelled wherever they appear."""

DEMO_SUITE, AREAS_SUITE = "demo", "areas"
SIMULATED = (DEMO_SUITE, AREAS_SUITE)


def mark(suite: str) -> str:
    """What follows the name of something of a suite: a note where its images are simulated, else nothing."""
    return " (simulated)" if suite in SIMULATED else ""
