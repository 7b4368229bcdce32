-- leaderboard: one row per run, with its headline metric on the test split.
--
-- Units     value, ci_low and ci_high as metrics stores them: fractions, not percentages, for every score in [0, 1]; rmse
--           and mae in the units of the labels. r2 may be negative. n_* count samples. finished_at is UTC.
-- n_labels  every label the result used: n_labels_fit to fit the predictor and n_labels_select to choose it.
-- higher_is_better  of the metric: false for errors, as rmse.
-- weights   the first 8 hex digits of the hash of the weights; runs.weights_sha256 has all 64.
-- bands     where a run was fitted on fewer of the dataset's bands than its backbone reads, or tested on others: which, as
--           'B2 B3 B4', 'B4 B3 B2 -> B8A B11 B12' or '12 bands without B8'. Of all other runs NULL, which is the
--           condition that keeps these apart; no other view but band_shifts and band_sensitivity has them.
-- Excluded  nothing. Simulated runs are here (suite 'demo' or 'areas') and published ones with source = 'published':
--           this is the list of what there is. Add WHERE suite NOT IN ('demo', 'areas') before comparing or averaging.
-- NULL      value: the metric is undefined on this test split. ci_low, ci_high: no value, or nobody computed the
--           interval. weights, seed, n_train, n_labels*, finished_at: unknown, published runs only.
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
    n_labels_fit + n_labels_select AS n_labels,
    n_labels_fit,
    n_labels_select,
    metric,
    higher_is_better,
    score AS value,
    score_low AS ci_low,
    score_high AS ci_high,
    source,
    run_id,
    finished_at,
    CASE
        WHEN NOT other_bands THEN NULL
        WHEN NOT json_exists(configuration, '$.test_feed') THEN trained
        WHEN len(lost) = 1 AND len(at_test) = len(before) - 1 THEN trained || ' without ' || lost[1]
        ELSE trained || ' -> ' || array_to_string(at_test, ' ')
    END AS bands
FROM (
    SELECT
        *,
        CASE WHEN other_bands THEN try_cast(configuration -> '$.band_sets.train' AS VARCHAR[]) END AS before,
        CASE WHEN other_bands THEN try_cast(configuration -> '$.band_sets.test' AS VARCHAR[]) END AS at_test,
        list_filter(before, lambda band: NOT list_contains(at_test, band)) AS lost,
        if(len(before) > 4, len(before) || ' bands', array_to_string(before, ' ')) AS trained
    FROM runs
);
