-- Version 4 knew neither samples nor identity_version; a run's setup left out its test set, and weights were NULL
-- whenever no file was named.
-- Before version 6 no run said whether its headline is better if higher; of the metrics that were there, three are not.
CREATE TEMP VIEW older AS
SELECT * EXCLUDE (weights, setup), metric NOT IN ('calibration_error', 'mae', 'rmse') AS higher_is_better FROM old.runs;
