-- curve_pairs: one row per ordered pair of curves on one dataset (backbone over rival, each by its own protocol): which
-- share of the rival's labels the backbone does without. label_savings has those of one protocol.
--
-- curves    as they are fitted if more labels never hurt: isotonic regression of the points, as a dip that is noise would
--           make a curve reach a score too early.
-- Units     labels_needed: labels, for fitting and for choosing, after which the backbone's curve reaches the end of the
--           rival's, its score with all its labels (rival_labels); linear in log(labels) between points.
--           label_saving = 1 - labels_needed / rival_labels: 0.75 is a quarter of the labels, negative is more labels.
--           Where the backbone never reaches that score, the two change places: label_saving = 1 - own labels / labels
--           after which the rival reaches the backbone's best, which is negative. So every pair has one, and over two
--           equal backbones it is as often above 0 as below.
-- noise     no number here has an interval, which needs seeds and predictions: `python -m harness compare --format csv`
--           and the report have it. It is a saving only where that leaves out 0.
-- better    higher if higher_is_better, else lower: a curve of errors reaches a score from above.
-- at_most   true if the backbone is there at its smallest partition already: it may need fewer labels still.
-- Excluded  curves of fewer than two points; points without a value or a number of labels, so published ones without.
--           Pairs differing in suite, dataset, metric, selection, train_draw, axis or source.
--           Of points with equally many labels (default and 1.00x_train) the one with more seeds counts.
-- NULL      labels_needed: the backbone never reaches that score. weights, rival_weights: see scores.
CREATE OR REPLACE VIEW curve_pairs AS
WITH points AS (
    SELECT *, if(higher_is_better, value, -value) AS gain
    FROM label_efficiency
    WHERE value IS NOT NULL AND n_labels > 0
    QUALIFY row_number() OVER (
        PARTITION BY curve_id, n_labels ORDER BY n_seeds DESC, partition, samples
    ) = 1
),
places AS (
    SELECT
        *, row_number() OVER curve AS place, sum(gain) OVER curve AS total, count(*) OVER whole AS n_points
    FROM points
    WINDOW
        whole AS (PARTITION BY curve_id),
        curve AS (PARTITION BY curve_id ORDER BY n_labels)
    QUALIFY n_points > 1
),
-- Isotonic regression: the largest, over all beginnings, of the smallest mean up to any later end.
means AS (
    SELECT
        last.curve_id, first.place AS beginning, last.place,
        if(first.place = last.place, last.gain,
            (last.total - first.total + first.gain) / (last.place - first.place + 1)) AS mean
    FROM places AS first JOIN places AS last ON last.curve_id = first.curve_id AND last.place >= first.place
),
fitted AS (
    SELECT curve_id, place, max(least_mean) AS fitted
    FROM (
        SELECT curve_id, place, min(mean) OVER (
            PARTITION BY curve_id, beginning ORDER BY place ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS least_mean
        FROM means
    )
    GROUP BY curve_id, place
),
steps AS (
    SELECT *, lag(n_labels) OVER curve AS n_before, lag(fitted) OVER curve AS before
    FROM places JOIN fitted USING (curve_id, place)
    WINDOW curve AS (PARTITION BY curve_id ORDER BY place)
),
ends AS (
    FROM steps WHERE place = n_points
),
crossings AS (
    SELECT
        steps.curve_id, ends.curve_id AS rival_curve_id,
        min(CASE
            WHEN steps.fitted < ends.fitted THEN NULL
            WHEN steps.n_before IS NULL THEN steps.n_labels
            WHEN steps.before < ends.fitted THEN steps.n_before
                * (steps.n_labels / steps.n_before) ** ((ends.fitted - steps.before) / (steps.fitted - steps.before))
        END) AS labels_needed,
        bool_or(steps.n_before IS NULL AND steps.fitted >= ends.fitted) AS at_most
    FROM ends
    JOIN steps
        ON steps.suite = ends.suite AND steps.dataset = ends.dataset
        AND steps.metric = ends.metric AND steps.higher_is_better = ends.higher_is_better
        AND steps.axis = ends.axis AND steps.source = ends.source
        AND steps.selection IS NOT DISTINCT FROM ends.selection
        AND steps.train_draw IS NOT DISTINCT FROM ends.train_draw
        AND steps.curve_id <> ends.curve_id
    GROUP BY ALL
)
SELECT
    own.suite, own.dataset, own.protocol, own.backbone, own.weights, rival.protocol AS rival_protocol,
    rival.backbone AS rival, rival.weights AS rival_weights, own.metric, rival.value AS rival_value,
    rival.n_labels AS rival_labels, crossings.labels_needed,
    1 - coalesce(crossings.labels_needed / rival.n_labels, own.n_labels / back.labels_needed) AS label_saving,
    crossings.at_most, own.selection, own.train_draw, own.axis, own.setup, rival.setup AS rival_setup, own.source,
    crossings.curve_id, crossings.rival_curve_id, own.higher_is_better
FROM crossings
JOIN crossings AS back
    ON back.curve_id = crossings.rival_curve_id AND back.rival_curve_id = crossings.curve_id
JOIN ends AS own ON own.curve_id = crossings.curve_id
JOIN ends AS rival ON rival.curve_id = crossings.rival_curve_id;
