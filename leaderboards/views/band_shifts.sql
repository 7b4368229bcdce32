-- band_shifts: one row per run whose test images had other bands than those it was fitted on, beside the run that
-- differs in that alone. docs/bands.md says how new bands get to a backbone's inputs.
--
-- train_bands, test_bands  names of the bands that fed the backbone. The k-th that is new took the place of the k-th lost.
-- dropped   the band that is lost, where one is and none is new; else NULL. band_sensitivity has those rows alone.
-- filled_by what fed the input of the dropped band: the channel of another, or 'zeros', its mean once standardised.
-- Units     value, same_bands_value: scores on test. loss: by how much it is worse than with the bands of training,
--           same_bands_value - value, or the other way round where lower is better. All in the units of the metric.
-- interval  loss_low, loss_high: 95 %, of the loss over test samples, paired: both runs predict the same images. From
--           stored predictions of classes, by the influence of each image on accuracy or micro F1; docs/statistics.md.
--           `python -m harness bands` has it of every metric, and of means over seeds.
-- curve_id, partition and samples  identify what is the same but for the seed, as in scores.
-- Excluded  runs without other bands at test, those on fewer bands than the backbone reads among them (view leaderboard).
-- NULL      same_bands_value, loss, same_bands_run_id: that run is not here. loss_low, loss_high: no predictions stored, or
--           of masks or numbers, or by another metric, or no image makes a difference. value: undefined. filled_by: where
--           dropped is, or nothing was, of a backbone that takes any number of bands. weights: see scores.
CREATE OR REPLACE VIEW band_shifts AS
WITH shifted AS (
    SELECT
        *,
        try_cast(configuration -> '$.band_sets.train' AS VARCHAR[]) AS train_bands,
        try_cast(configuration -> '$.band_sets.test' AS VARCHAR[]) AS test_bands,
        list_filter(train_bands, lambda band: NOT list_contains(test_bands, band)) AS lost,
        list_filter(list_zip(
            try_cast(configuration -> '$.band_sources' AS VARCHAR[]),
            try_cast(configuration -> '$.test_feed.band_sources' AS VARCHAR[])
        ), lambda pair: pair[1] IS DISTINCT FROM pair[2]) AS changed
    FROM runs WHERE other_bands AND json_exists(configuration, '$.test_feed')
),
known AS (
    SELECT
        run_id,
        score,
        json_exists(configuration, '$.test_feed') AS is_shifted,
        md5(json_array(suite, dataset, protocol, partition, seed, weights_sha256, list_sort(map_entries(
            json_merge_patch(configuration, '{"band_sets":null,"test_feed":null}')::MAP(VARCHAR, JSON)
        )))::VARCHAR) AS alike
    FROM runs SEMI JOIN shifted USING (suite, dataset, protocol, partition, seed, source)
),
pairs AS (
    SELECT shifted.*, same.run_id AS same_bands_run_id, same.score AS same_bands_value,
        if(higher_is_better, 1, -1) * (same.score - shifted.score) AS loss
    FROM shifted JOIN known USING (run_id) LEFT JOIN known AS same ON same.alike = known.alike AND NOT same.is_shifted
),
decided AS (
    -- Twice the classes that are right, and how many are named by label and prediction: their ratio of sums is both metrics.
    SELECT pairs.run_id, decision.run_id = pairs.run_id AS is_shifted, position,
        2 * len(list_intersect(target, predicted)) AS hits, len(target) + len(predicted) AS named,
        sum(hits) OVER whole / sum(named) OVER whole AS score, sum(named) OVER whole AS total, count(*) OVER whole AS n
    FROM pairs JOIN predictions AS decision ON decision.run_id IN (pairs.run_id, same_bands_run_id) AND split = 'test'
    WHERE metric IN ('accuracy', 'f1_micro')
    WINDOW whole AS (PARTITION BY pairs.run_id, decision.run_id)
),
moved AS (
    SELECT run_id, any_value(n) AS n, sum(if(is_shifted, -1, 1) * (hits - score * named) / total) AS moves
    FROM decided GROUP BY run_id, position HAVING count(*) = 2
),
margins AS (
    SELECT run_id, nullif(1.959964 * sqrt(sum(moves ** 2) * any_value(n) / (any_value(n) - 1)), 0) AS margin
    FROM moved GROUP BY run_id HAVING count(*) = any_value(n) AND any_value(n) > 1
)
SELECT
    suite, dataset, backbone, weights, protocol, partition, seed, train_bands, test_bands,
    CASE WHEN len(lost) = 1 AND len(test_bands) = len(train_bands) - 1 THEN lost[1] END AS dropped,
    CASE WHEN dropped IS NOT NULL AND (configuration -> '$.bands') = (configuration -> '$.test_feed.bands')
        THEN coalesce(changed[1][2], 'zeros') END AS filled_by,
    metric, higher_is_better, score AS value, same_bands_value, loss,
    loss - margin AS loss_low, loss + margin AS loss_high,
    n_labels_fit + n_labels_select AS n_labels, selection, train_draw, source, curve_id, samples, run_id, same_bands_run_id
FROM pairs LEFT JOIN margins USING (run_id);
