-- coverage: one row per cell of the full grid, run or not: every dataset and partition of a suite that some run has,
-- by every protocol, for every backbone and weights measured in that suite.
--
-- Units     n_seeds: seeds with a score; most_seeds: the most that any cell of this suite and protocol has.
--           missing: n_seeds = 0. seeds: which there are, in order.
-- Excluded  published runs. A simulated suite ('demo') has its own grid, as every suite has.
-- NULL      weights: see scores. Nothing else.
CREATE OR REPLACE VIEW coverage AS
WITH measured AS (
    SELECT suite, dataset, backbone, weights, protocol, partition, seed, value IS NOT NULL AS scored
    FROM scores
    WHERE source = 'measured'
),
grid AS (
    SELECT suite, dataset, backbone, weights, protocol, partition
    FROM (SELECT DISTINCT suite, backbone, weights FROM measured)
    JOIN (SELECT DISTINCT suite, dataset FROM measured) USING (suite)
    JOIN (SELECT DISTINCT suite, protocol, partition FROM measured) USING (suite)
),
filled AS (
    SELECT
        suite, dataset, backbone, weights, protocol, partition,
        count(DISTINCT seed) FILTER (scored) AS n_seeds,
        list_sort(list(DISTINCT seed) FILTER (scored)) AS seeds
    FROM measured
    GROUP BY suite, dataset, backbone, weights, protocol, partition
)
SELECT
    grid.suite, grid.dataset, grid.protocol, grid.partition, grid.backbone, grid.weights,
    coalesce(filled.n_seeds, 0) AS n_seeds,
    max(coalesce(filled.n_seeds, 0)) OVER (PARTITION BY grid.suite, grid.protocol) AS most_seeds,
    coalesce(filled.n_seeds, 0) = 0 AS missing,
    coalesce(filled.seeds, []) AS seeds
FROM grid
LEFT JOIN filled
    ON filled.suite = grid.suite AND filled.dataset = grid.dataset AND filled.protocol = grid.protocol
    AND filled.partition = grid.partition AND filled.backbone = grid.backbone
    AND filled.weights IS NOT DISTINCT FROM grid.weights;
