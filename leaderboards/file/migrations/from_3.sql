-- Version 3 too kept a run's headline score among its metrics alone. Its weights and setup left out what they leave out
-- of version 4.
-- Before version 6 no run said whether its headline is better if higher; of the metrics that were there, three are not.
CREATE TEMP VIEW older AS
SELECT runs.* EXCLUDE (weights, setup), headline.value AS score, headline.ci_low AS score_low, headline.ci_high AS score_high,
    runs.metric NOT IN ('calibration_error', 'mae', 'rmse') AS higher_is_better
FROM old.runs AS runs
LEFT JOIN old.metrics AS headline
    ON headline.run_id = runs.run_id AND headline.metric = runs.metric AND headline.split = 'test';
