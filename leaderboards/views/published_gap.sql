-- published_gap: one row per measured point and published number of the same backbone, dataset, protocol and metric on
-- an equal share of the training set: by how much ours is better.
--
-- Units     gap = value - published_value, the other way round where lower is better (higher_is_better): positive where ours
--           is better. Fractions or the units of the labels. ci_low, ci_high: 95 % interval of the gap from our own interval
--           alone, as theirs is rarely known.
-- backbone  ours; published_backbone is the name in the published table. same_models says which are one model; a published
--           row may list names of ours itself, under configuration.comparable_backbones; without either they must be equal.
-- protocol  ours; published_protocol is theirs, which differs in name where it does in its rules (differs).
-- differs   what is known to differ in how the two were made, in words; empty: nothing that both tell.
-- partition ours; default and 1.00x_train are the same samples and count as equal.
-- Excluded  train_draw = 'seed': published numbers have the samples of the partition as filed, and a draw of as many is
--           another question. So are bands whose wrong names were corrected: published numbers took the files' names
--           (configuration.band_names). Measured points without a value; published rows without a counterpart; pairs
--           from different suites, so nothing of a simulated suite is ever here.
-- NULL      ci_low, ci_high: our point has no interval. published_uncertainty: exact as printed, or unknown.
CREATE OR REPLACE VIEW published_gap AS
WITH names AS (
    SELECT published_backbone, list(backbone) AS ours FROM same_models WHERE backbone IS NOT NULL GROUP BY published_backbone
),
published AS (
    SELECT
        run_id, suite, dataset, runs.backbone, protocol, partition, metric, higher_is_better, score AS value,
        coalesce(
            try_cast(configuration -> '$.comparable_backbones' AS VARCHAR[]), names.ours, [runs.backbone]
        ) AS comparable,
        CASE protocol WHEN 'torchgeo_knn5' THEN 'knn' WHEN 'torchgeo_linear' THEN 'linear_probe' ELSE protocol END AS our_protocol,
        CASE protocol WHEN 'torchgeo_linear' THEN 'theirs is refitted on train and valid' END AS of_protocol,
        try_cast(configuration ->> '$.input_size' AS INTEGER) AS input_size,
        configuration ->> '$.normalisation' AS normalisation,
        configuration ->> '$.bands' AS bands,
        try_cast(provenance ->> '$.uncertainty' AS DOUBLE) AS uncertainty,
        provenance ->> '$.source' AS published_in
    FROM runs LEFT JOIN names ON names.published_backbone = runs.backbone
    WHERE source = 'published' AND score IS NOT NULL
),
settings AS (
    SELECT
        setup, configuration ->> '$.band_names' AS band_names, configuration ->> '$.normalisation' AS normalisation,
        try_cast(configuration ->> '$.input_size' AS INTEGER) AS input_size,
        len(try_cast(configuration -> '$.bands' AS VARCHAR[])) AS n_bands
    FROM (SELECT setup, any_value(configuration) AS configuration FROM runs WHERE source = 'measured' GROUP BY setup)
)
SELECT
    ours.suite, ours.dataset, ours.protocol, ours.partition, ours.backbone, ours.weights, ours.n_labels, ours.n_seeds,
    ours.metric, ours.value, published.value AS published_value, if(ours.higher_is_better, 1, -1) * (ours.value - published.value) AS gap,
    if(ours.higher_is_better, ours.ci_low - published.value, published.value - ours.ci_high) AS ci_low,
    if(ours.higher_is_better, ours.ci_high - published.value, published.value - ours.ci_low) AS ci_high,
    published.backbone AS published_backbone, published.uncertainty AS published_uncertainty, published.published_in,
    ours.selection, ours.train_draw, ours.setup, ours.curve_id, ours.samples, ours.higher_is_better,
    published.protocol AS published_protocol, published.run_id AS published_run_id,
    concat_ws('; ',
        published.of_protocol,
        if(settings.input_size IS DISTINCT FROM published.input_size AND published.input_size IS NOT NULL,
            format('size: {} px, theirs {} px', coalesce(settings.input_size::VARCHAR, 'stored'), published.input_size), NULL),
        'normalisation: ' || settings.normalisation || ', theirs ' || published.normalisation,
        'bands: ' || settings.n_bands || ', theirs ' || published.bands
    ) AS differs
FROM label_efficiency AS ours
JOIN settings USING (setup)
JOIN published
    ON published.suite = ours.suite AND published.dataset = ours.dataset AND published.our_protocol = ours.protocol
    AND published.metric = ours.metric AND published.higher_is_better = ours.higher_is_better
    AND list_contains(published.comparable, ours.backbone)
    AND CASE published.partition WHEN 'default' THEN '1.00x_train' ELSE published.partition END
        = CASE ours.partition WHEN 'default' THEN '1.00x_train' ELSE ours.partition END
WHERE ours.source = 'measured' AND ours.train_draw = 'partition' AND ours.value IS NOT NULL
    AND settings.band_names IS DISTINCT FROM 'corrected';
