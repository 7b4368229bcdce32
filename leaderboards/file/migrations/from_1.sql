-- Version 1 knew neither draws by seed nor cross-validation: its runs used the partition as filed and chose on valid,
-- if they chose anything.
-- It did not count parameters and operations, and stored nothing about single masks.
-- Before version 6 no run said whether its headline is better if higher; of the metrics that were there, three are not.
CREATE TEMP VIEW older AS
SELECT
    runs.*,
    if(source = 'measured', 'partition', NULL) AS train_draw,
    CASE WHEN source = 'measured' THEN if(n_labels_select = 0, 'none', 'valid') END AS selection,
    headline.value AS score,
    headline.ci_low AS score_low,
    headline.ci_high AS score_high,
    runs.metric NOT IN ('calibration_error', 'mae', 'rmse') AS higher_is_better
FROM old.runs AS runs
LEFT JOIN old.metrics AS headline
    ON headline.run_id = runs.run_id AND headline.metric = runs.metric AND headline.split = 'test';
