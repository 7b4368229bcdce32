-- Version 8 had no table failures. All that later columns of runs follow from, it had.
CREATE TEMP VIEW older AS SELECT * EXCLUDE (other_bands) FROM old.runs;
