-- published_gap: one row per measured point and published number of the same backbone, dataset, protocol and metric on
-- an equal share of the training set: by how much ours is better.
--
-- Units     gap = value - published_value, the other way round where lower is better (higher_is_better): positive where ours
--           is better. Fractions or the units of the labels. ci_low, ci_high: 95 % interval of the gap from our own interval
--           alone, as theirs is rarely known.
-- backbone  ours; published_backbone is the name in the published table. A published row lists the names of ours that
--           it may be compared with under configuration.comparable_backbones; without a list the names must be equal.
-- partition ours; default and 1.00x_train are the same samples and count as equal.
-- Excluded  train_draw = 'seed': published numbers have the samples of the partition as filed, and a draw of as many is
--           another question. So are bands whose wrong names were corrected: published numbers took the files' names
--           (configuration.band_names). Measured points without a value; published rows without a counterpart; pairs
--           from different suites, so nothing of suite = 'demo' is ever here.
-- NULL      ci_low, ci_high: our point has no interval. published_uncertainty: exact as printed, or unknown.
CREATE OR REPLACE VIEW published_gap AS
WITH published AS (
    SELECT
        suite, dataset, backbone, protocol, partition, metric, higher_is_better, score AS value,
        coalesce(
            (configuration -> '$.comparable_backbones')::VARCHAR[], [backbone]
        ) AS comparable,
        (provenance ->> '$.uncertainty')::DOUBLE AS uncertainty,
        provenance ->> '$.source' AS published_in
    FROM runs
    WHERE source = 'published' AND score IS NOT NULL
), corrected AS (
    SELECT DISTINCT setup FROM runs WHERE source = 'measured' AND configuration ->> '$.band_names' = 'corrected'
)
SELECT
    ours.suite, ours.dataset, ours.protocol, ours.partition, ours.backbone, ours.weights, ours.n_labels, ours.n_seeds,
    ours.metric, ours.value, published.value AS published_value, if(ours.higher_is_better, 1, -1) * (ours.value - published.value) AS gap,
    if(ours.higher_is_better, ours.ci_low - published.value, published.value - ours.ci_high) AS ci_low,
    if(ours.higher_is_better, ours.ci_high - published.value, published.value - ours.ci_low) AS ci_high,
    published.backbone AS published_backbone, published.uncertainty AS published_uncertainty, published.published_in,
    ours.selection, ours.train_draw, ours.setup, ours.curve_id, ours.samples, ours.higher_is_better
FROM label_efficiency AS ours
JOIN published
    ON published.suite = ours.suite AND published.dataset = ours.dataset AND published.protocol = ours.protocol
    AND published.metric = ours.metric AND published.higher_is_better = ours.higher_is_better
    AND list_contains(published.comparable, ours.backbone)
    AND CASE published.partition WHEN 'default' THEN '1.00x_train' ELSE published.partition END
        = CASE ours.partition WHEN 'default' THEN '1.00x_train' ELSE ours.partition END
WHERE ours.source = 'measured' AND ours.train_draw = 'partition' AND ours.value IS NOT NULL
    AND ours.setup NOT IN (SELECT setup FROM corrected);
