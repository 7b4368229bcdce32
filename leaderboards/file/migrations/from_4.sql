-- Version 4 knew neither samples nor identity_version; a run's setup left out its test set, and weights were NULL
-- whenever no file was named.
CREATE TEMP VIEW older AS
SELECT * EXCLUDE (weights, setup) FROM old.runs;
