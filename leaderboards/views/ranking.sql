-- ranking: one row per backbone and weights in one suite, by one protocol, on one partition: how it does over all
-- datasets of that grid.
--
-- Units     mean_rank: 1 is best, equal scores share their mean rank. better_score_share: on which share of comparisons with
--           the other ranked backbones on the same dataset the score is the better one, by however little, equals
--           counting half: no share of wins, as most such comparisons are ties. Both are means over datasets of the
--           headline metric, whichever way it points (higher_is_better of the view scores). Nobody else ranks:
--           `python -m harness ranking` and the report take these ranks, say which backbones cannot be told apart, and
--           count as wins only where two are.
-- n_ranked  how many backbones are compared: those without a missing dataset.
-- missing   datasets of the grid (any that some backbone has) on which this one has no score, or has several setups.
--           Scores on other samples (see scores) or by another metric are those of another dataset, and count in
--           n_datasets: a backbone that has one of two alone lacks the other.
-- Excluded  nothing. Simulated runs are ranked apart (suites 'demo' and 'areas'), and so are published ones (source), suite by suite.
-- NULL      mean_rank, better_score_share: something is missing; an incomplete row is never ranked. The second also where
--           there is nobody else.
--           weights: see scores. selection, train_draw: unknown, published only.
CREATE OR REPLACE VIEW ranking AS
WITH cells AS (
    SELECT
        suite, protocol, selection, train_draw, partition, source, backbone, weights, dataset,
        {'dataset': dataset, 'samples': samples, 'metric': metric} AS task,
        CASE WHEN count(*) = 1 THEN any_value(if(higher_is_better, value, -value)) END AS gain
    FROM label_efficiency
    GROUP BY suite, protocol, selection, train_draw, partition, source, backbone, weights, dataset, samples, metric
),
grids AS (
    SELECT
        *,
        list(DISTINCT task) OVER (PARTITION BY suite, protocol, selection, train_draw, partition, source) AS wanted,
        list(task) FILTER (gain IS NOT NULL) OVER (
            PARTITION BY suite, protocol, selection, train_draw, partition, source, backbone, weights
        ) AS present
    FROM cells
),
entries AS (
    SELECT *, list_sort(list_distinct(list_transform(
        list_filter(wanted, lambda one: NOT list_contains(coalesce(present, []), one)), lambda one: one.dataset
    ))) AS missing
    FROM grids
),
ranks AS (
    SELECT
        *,
        rank() OVER by_score + (count(*) OVER equals - 1) / 2 AS place,
        count(*) OVER on_dataset AS n_ranked
    FROM entries
    WHERE len(missing) = 0
    WINDOW
        on_dataset AS (PARTITION BY suite, protocol, selection, train_draw, partition, source, task),
        by_score AS (
            PARTITION BY suite, protocol, selection, train_draw, partition, source, task ORDER BY gain DESC
        ),
        equals AS (PARTITION BY suite, protocol, selection, train_draw, partition, source, task, gain)
)
SELECT
    suite, protocol, partition, backbone, weights,
    avg(place) AS mean_rank,
    avg((n_ranked - place) / nullif(n_ranked - 1, 0)) AS better_score_share,
    any_value(n_ranked) AS n_ranked,
    count(gain) AS n_datasets,
    any_value(missing) AS missing,
    selection, train_draw, source
FROM (
    FROM ranks
    UNION ALL BY NAME
    FROM entries WHERE len(missing) > 0
)
GROUP BY suite, protocol, partition, backbone, weights, selection, train_draw, source;
