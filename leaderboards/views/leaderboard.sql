-- leaderboard: one row per run, with its headline metric on the test split.
--
-- Units     value, ci_low and ci_high as metrics stores them: fractions, not percentages, for every score in [0, 1]; rmse
--           and mae in the units of the labels. r2 may be negative. n_* count samples. finished_at is UTC.
-- higher_is_better  of the metric: false for errors, as rmse.
-- weights   the first 8 hex digits of the hash of the weights; runs.weights_sha256 has all 64.
-- Excluded  nothing. Simulated runs are here with suite = 'demo' and published ones with source = 'published':
--           this is the list of what there is. Add WHERE suite <> 'demo' before comparing or averaging.
-- NULL      value: the metric is undefined on this test split. ci_low, ci_high: no value, or nobody computed the
--           interval. weights, seed, n_train, n_labels_fit, n_labels_select, finished_at: unknown, published runs only.
-- Order     none; write the ORDER BY you need.
CREATE OR REPLACE VIEW leaderboard AS
SELECT
    suite,
    dataset,
    backbone,
    left(weights_sha256, 8) AS weights,
    protocol,
    partition,
    seed,
    n_train,
    n_labels_fit,
    n_labels_select,
    metric,
    higher_is_better,
    score AS value,
    score_low AS ci_low,
    score_high AS ci_high,
    source,
    run_id,
    finished_at
FROM runs;
