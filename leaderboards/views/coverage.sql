-- coverage: one row per possible cell of the full grid, run or not, for every backbone and weights measured in a suite.
--
-- Units     n_seeds: seeds with a score; most_seeds: the most that any cell of this suite, protocol and partition has.
--           missing: n_seeds = 0. seeds: which there are, in order.
-- possible  the protocol was run at this partition for the headline metric that the dataset has, which goes with its kind
--           of label, so that no protocol for images is missing on masks; and the dataset has as many images as a
--           partition n=... asks for, where a run on all of them (default, 1.00x_train) tells how many there are.
-- Excluded  published runs. A simulated suite ('demo', 'areas') has its own grid, as every suite has.
-- NULL      weights: see scores. Nothing else.
CREATE OR REPLACE VIEW coverage AS
WITH measured AS (
    SELECT
        suite, dataset, backbone, weights, protocol, partition, axis, metric, seed, score IS NOT NULL AS scored, n_train
    FROM scores JOIN (SELECT run_id, score, n_train FROM runs) USING (run_id)
    WHERE source = 'measured'
),
datasets AS (
    SELECT suite, dataset, metric, max(max(n_train) FILTER (partition IN ('default', '1.00x_train'))) OVER (
        PARTITION BY suite, dataset
    ) AS n_images
    FROM measured
    GROUP BY suite, dataset, metric
),
grid AS (
    SELECT DISTINCT suite, dataset, backbone, weights, protocol, partition
    FROM (SELECT DISTINCT suite, backbone, weights FROM measured)
    JOIN datasets USING (suite)
    JOIN (SELECT DISTINCT suite, metric, protocol, partition, axis FROM measured) USING (suite, metric)
    WHERE axis <> 'images' OR coalesce(TRY_CAST(substr(partition, 3) AS BIGINT) <= n_images, true)
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
    max(coalesce(filled.n_seeds, 0)) OVER (PARTITION BY grid.suite, grid.protocol, grid.partition) AS most_seeds,
    coalesce(filled.n_seeds, 0) = 0 AS missing,
    coalesce(filled.seeds, []) AS seeds
FROM grid
LEFT JOIN filled
    ON filled.suite = grid.suite AND filled.dataset = grid.dataset AND filled.protocol = grid.protocol
    AND filled.partition = grid.partition AND filled.backbone = grid.backbone
    AND filled.weights IS NOT DISTINCT FROM grid.weights;
