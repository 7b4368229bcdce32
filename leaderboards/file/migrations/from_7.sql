-- Version 7 had no table multimodal. All that later columns of runs follow from, it had.
CREATE TEMP VIEW older AS SELECT * EXCLUDE (other_bands) FROM old.runs;
