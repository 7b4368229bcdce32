-- published: one row per published number: where it was read, and whether it was copied or rerun here.
--
-- standing  copied: nobody ran it again in this file; rerun: a measured point of the same model, dataset, protocol and
--           metric on an equal share of the training set is here (view published_gap, which says what differs).
-- Units     value, ci_low, ci_high: as the scores of runs. n_reruns: measured points. rerun_value: of the one with the most
--           seeds; gap: by how much that is better.
-- Excluded  measured runs; published rows without a value.
-- NULL      rerun_value, gap: copied. ci_low, ci_high, uncertainty, seed: not told. bands, normalisation, input_size: not
--           told, or what the table has for all its rows. caveat: nothing is known to be wrong with it.
CREATE OR REPLACE VIEW published AS
WITH reruns AS (
    SELECT published_run_id, count(*) AS n, arg_max(value, n_seeds) AS value, arg_max(gap, n_seeds) AS gap
    FROM published_gap GROUP BY published_run_id
)
SELECT
    suite, dataset, backbone, protocol, partition, seed, metric, higher_is_better, score AS value, score_low AS ci_low,
    score_high AS ci_high, try_cast(provenance ->> '$.uncertainty' AS DOUBLE) AS uncertainty,
    configuration ->> '$.bands' AS bands, configuration ->> '$.normalisation' AS normalisation,
    try_cast(configuration ->> '$.input_size' AS INTEGER) AS input_size,
    provenance ->> '$.source' AS published_in, provenance ->> '$.caveat' AS caveat,
    if(reruns.n IS NULL, 'copied', 'rerun') AS standing, coalesce(reruns.n, 0) AS n_reruns,
    reruns.value AS rerun_value, reruns.gap, run_id
FROM runs LEFT JOIN reruns ON reruns.published_run_id = runs.run_id
WHERE source = 'published' AND score IS NOT NULL;
