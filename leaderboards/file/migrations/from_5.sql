-- Version 5 did not say whether a run's headline is better if higher; of the metrics that were there, three are not.
CREATE TEMP VIEW older AS
SELECT *, metric NOT IN ('calibration_error', 'mae', 'rmse') AS higher_is_better FROM old.runs;
