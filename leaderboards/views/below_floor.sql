-- below_floor: one row per point of a pretrained network that scores worse than the statistics of the pixels it was given:
-- nine times in ten it was fed wrong, so what entered it stands beside.
--
-- floor     image_statistics on the same dataset, partition and samples, by the same protocol, settings of it, selection,
--           train_draw and metric; of published rows imagestats, in torchgeo-bench's tables. Of several the one that was
--           given the same bands, else the best.
-- Units     value, floor_value: scores. difference = value - floor_value, the other way round where lower is better, so it
--           is below 0 in every row. All in the units of the metric.
-- interval  ci_low, ci_high: 95 %, of the difference, from both scores' own intervals as if they were independent, which
--           errs on the wide side; `python -m harness leaderboard` and `compare` pair test samples where predictions are
--           stored. clearly: false if the interval reaches 0: below within noise.
-- input_*   measured from the tensor that entered the network, a number a band: input_mean, input_std; input_size_px is
--           [height, width]. normalisation: whose statistics standardised it. input_unit: what the backbone declares that
--           it takes.
-- n_bands, n_floor_bands  channels of the dataset that fed each: of fewer bands a network may know less.
-- kind_inferred  true: stored before rows said what kind their backbone is, and taken for pretrained, as its weights are
--           not drawn from the seed.
-- run_ids   the runs of the point.
-- Excluded  backbones that are floors or untrained; points of which no floor was run; what scores excludes.
-- NULL      ci_low, ci_high, clearly: one of the two has no interval. input_*, n_bands, n_floor_bands: published rows, and
--           runs that did not store it, or something else in its place. normalisation, weights, n_labels, selection,
--           train_draw, samples: as in label_efficiency.
CREATE OR REPLACE VIEW below_floor AS
WITH settings AS (
    SELECT
        setup,
        list_sort(map_entries(json_merge_patch(configuration, '{"backbone_settings":null,"weights_from_seed":null,
            "weights_sha256":null,"partition":null,"partition_sha256":null,"valid_sha256":null,"seed":null,"bands":null,
            "band_sources":null,"normalisation":null,"normalisation_statistics":null,"input_size":null,"facts":null,
            "limits":null,"units":null,"source":null,"repeat":null,"comparable_backbones":null}')::MAP(VARCHAR, JSON))) AS rules,
        list_sort(list_distinct(try_cast(configuration -> '$.band_sources' AS VARCHAR[]))) AS channels,
        coalesce(channels, [configuration ->> '$.bands']) AS fed
    FROM (SELECT setup, any_value(configuration) AS configuration FROM runs GROUP BY setup)
),
points AS (
    SELECT label_efficiency.*, rules, channels, fed, if(higher_is_better, value, -value) AS gain
    FROM label_efficiency JOIN settings USING (setup)
    WHERE value IS NOT NULL
),
floors AS (
    FROM points WHERE backbone = if(source = 'measured', 'image_statistics', 'imagestats')
),
below AS (
    SELECT
        points.*, floors.value AS floor_value, floors.curve_id AS floor_curve_id, len(floors.channels) AS n_floor_bands,
        points.gain - floors.gain AS difference, sqrt(points.margin ** 2 + floors.margin ** 2) AS of_both
    FROM points
    JOIN floors
        ON floors.suite = points.suite AND floors.dataset = points.dataset AND floors.protocol = points.protocol
        AND floors.partition = points.partition AND floors.samples IS NOT DISTINCT FROM points.samples
        AND floors.metric = points.metric AND floors.source = points.source
        AND floors.selection IS NOT DISTINCT FROM points.selection
        AND floors.train_draw IS NOT DISTINCT FROM points.train_draw
        AND floors.rules IS NOT DISTINCT FROM points.rules
    QUALIFY row_number() OVER (
        PARTITION BY points.curve_id, points.partition, points.samples
        ORDER BY floors.fed IS NOT DISTINCT FROM points.fed DESC, floors.gain DESC, floors.curve_id
    ) = 1
),
alarming AS (FROM below WHERE difference < 0),
made AS (
    SELECT
        curve_id, partition, samples, list(run_id ORDER BY run_id) AS run_ids,
        any_value(provenance ->> '$.kind') AS kind, any_value(provenance -> '$.network_input') AS entered,
        any_value(configuration ->> '$.normalisation') AS normalisation,
        any_value(provenance ->> '$.declared_unit') AS input_unit
    FROM runs SEMI JOIN alarming USING (curve_id, partition)
    GROUP BY curve_id, partition, samples
)
SELECT
    suite, dataset, protocol, partition, backbone, weights, n_labels, n_seeds, metric, higher_is_better, value, floor_value,
    difference, difference - of_both AS ci_low, difference + of_both AS ci_high, difference + of_both < 0 AS clearly,
    try_cast(made.entered -> '$.mean' AS DOUBLE[]) AS input_mean,
    try_cast(made.entered -> '$.std' AS DOUBLE[]) AS input_std,
    try_cast(made.entered -> '$.size_px' AS INTEGER[]) AS input_size_px, made.normalisation,
    made.input_unit, len(channels) AS n_bands, n_floor_bands,
    source = 'measured' AND made.kind IS NULL AS kind_inferred,
    selection, train_draw, setup, source, alarming.curve_id, floor_curve_id, alarming.samples, made.run_ids
FROM alarming
JOIN made USING (curve_id, partition)
LEFT JOIN (SELECT published_backbone, kind AS published_kind FROM same_models) AS known
    ON alarming.source = 'published' AND known.published_backbone = alarming.backbone
WHERE made.samples IS NOT DISTINCT FROM alarming.samples
    AND CASE
        WHEN alarming.source = 'published' THEN coalesce(published_kind, 'pretrained')
        WHEN made.kind IS NOT NULL THEN made.kind
        WHEN alarming.backbone = 'image_statistics' THEN 'floor'
        WHEN alarming.weights IS NULL THEN 'untrained'
        ELSE 'pretrained'
    END = 'pretrained';
