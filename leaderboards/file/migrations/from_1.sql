-- Version 1 knew neither draws by seed nor cross-validation: its runs used the partition as filed and chose on valid,
-- if they chose anything.
-- It did not count parameters and operations, and stored nothing about single masks.
CREATE TEMP VIEW older AS
SELECT
    runs.*,
    if(source = 'measured', 'partition', NULL) AS train_draw,
    CASE WHEN source = 'measured' THEN if(n_labels_select = 0, 'none', 'valid') END AS selection,
    headline.value AS score,
    headline.ci_low AS score_low,
    headline.ci_high AS score_high
FROM old.runs AS runs
LEFT JOIN old.metrics AS headline
    ON headline.run_id = runs.run_id AND headline.metric = runs.metric AND headline.split = 'test';
