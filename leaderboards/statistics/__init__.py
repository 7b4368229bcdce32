"""Statistics of results: curves, paired comparisons, aggregates and rankings. Pure functions of arrays of scores."""
