-- geographic_gap: one row per run tested at random places, beside the run that differs in one thing alone: it was tested
-- where no train sample is (dataset with '-geographic' behind its name; docs/mmearth_bench.md).
--
-- Units     value, geographic_value: scores on test. gap: by how much it is worse elsewhere, value - geographic_value, or
--           the other way round where lower is better. All in the units of the metric.
-- interval  gap_low, gap_high: 95 %, of the gap over test samples. Both tests have samples of their own, so their
--           variances add up; of each it is a quarter of the width of the stored interval, squared.
-- Excluded  runs of which only one of both is here. Fitted on other samples or chosen on others they are no pair.
-- NULL      gap: one score is undefined. gap_low, gap_high: one has no interval. weights: see scores.
CREATE OR REPLACE VIEW geographic_gap AS
WITH tested AS (
    SELECT
        *,
        suffix(dataset, '-geographic') AS is_far,
        md5(json_array(suite, replace(dataset, '-geographic', ''), protocol, partition, seed, weights_sha256, n_labels_fit,
            list_sort(map_entries(json_merge_patch(
                configuration,
                '{"dataset":null,"partition_sha256":null,"test_sha256":null,"dataset_fingerprint":null}'
            )::MAP(VARCHAR, JSON))))::VARCHAR) AS alike
    FROM runs WHERE source = 'measured'
)
SELECT
    near.suite, near.dataset, near.backbone, near.weights, near.protocol, near.partition, near.seed,
    near.n_labels_fit + near.n_labels_select AS n_labels, near.metric, near.higher_is_better,
    near.score AS value, far.score AS geographic_value,
    if(near.higher_is_better, 1, -1) * (near.score - far.score) AS gap,
    gap - 1.96 * sqrt(((near.score_high - near.score_low) / 3.92) ** 2 + ((far.score_high - far.score_low) / 3.92) ** 2)
        AS gap_low,
    2 * gap - gap_low AS gap_high,
    near.run_id, far.run_id AS geographic_run_id
FROM tested AS near JOIN tested AS far ON far.alike = near.alike AND far.is_far AND NOT near.is_far;
