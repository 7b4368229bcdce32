-- disagreement: one row per two results of the same model, dataset, protocol, metric and share of the training set that
-- differ by 0.10 or more: two published ones of different sources, or a published one and ours.
--
-- Units     first_value, second_value: fractions. difference = second_value - first_value. first_in, second_in: where each
--           was read; ours is the second, `measured here`, and first_run_id, second_run_id what to ask for with `show`.
-- backbone  our name of the model where there is one (view same_models), else the published one.
-- differs   what is known to differ in how the two were made, in words; empty: nothing that both tell, so one of the two is
--           likely to be wrong.
-- Excluded  pairs of other bands or another image size, where both are published and tell them; scores that are errors, in
--           the units of the labels. What published_gap excludes of ours.
-- NULL      second_run_id: ours, a mean over seeds (curve_id and partition in published_gap).
CREATE OR REPLACE VIEW disagreement AS
WITH names AS (
    SELECT published_backbone, min(backbone) AS ours FROM same_models WHERE backbone IS NOT NULL GROUP BY published_backbone
),
told AS (
    SELECT
        suite, dataset, protocol, metric, if(partition = 'default', '1.00x_train', partition) AS partition, run_id,
        coalesce(names.ours, runs.backbone) AS model, runs.backbone, score AS value, provenance ->> '$.source' AS told_in,
        configuration ->> '$.bands' AS bands, configuration ->> '$.normalisation' AS normalisation,
        configuration ->> '$.input_size' AS input_size, seed
    FROM runs LEFT JOIN names ON names.published_backbone = runs.backbone
    WHERE source = 'published' AND score IS NOT NULL AND higher_is_better
),
between_published AS (
    SELECT
        a.suite, a.dataset, a.protocol, a.partition, a.metric, a.model AS backbone,
        a.told_in AS first_in, a.value AS first_value, b.told_in AS second_in, b.value AS second_value,
        concat_ws('; ',
            if(a.backbone <> b.backbone, format('name: {}, {}', a.backbone, b.backbone), NULL),
            if(a.normalisation <> b.normalisation, format('normalisation: {}, {}', a.normalisation, b.normalisation), NULL),
            if((a.input_size IS NULL) <> (b.input_size IS NULL),
                format('size: {}, {}', coalesce(a.input_size, 'not told'), coalesce(b.input_size, 'not told')), NULL),
            if(a.seed <> b.seed, format('seed: {}, {}', a.seed, b.seed), NULL)
        ) AS differs,
        a.run_id AS first_run_id, b.run_id AS second_run_id
    FROM told AS a JOIN told AS b
        ON a.suite = b.suite AND a.dataset = b.dataset AND a.protocol = b.protocol AND a.partition = b.partition
        AND a.metric = b.metric AND a.model = b.model AND a.told_in < b.told_in
    WHERE coalesce(a.bands = b.bands, true) AND coalesce(a.input_size = b.input_size, true)
),
with_ours AS (
    SELECT
        suite, dataset, protocol, partition, metric, backbone, published_in AS first_in, published_value AS first_value,
        'measured here' AS second_in, value AS second_value, differs, published_run_id AS first_run_id,
        NULL::VARCHAR AS second_run_id
    FROM published_gap WHERE higher_is_better
)
SELECT
    suite, dataset, protocol, partition, metric, backbone, first_value, second_value, second_value - first_value AS difference,
    first_in, second_in, differs, first_run_id, second_run_id
FROM (FROM between_published UNION ALL BY NAME FROM with_ours)
WHERE abs(second_value - first_value) > 0.1 - 1e-9;
