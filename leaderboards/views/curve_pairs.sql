-- curve_pairs: one row per ordered pair of curves on one dataset (backbone over rival, each by its own protocol): which
-- share of the rival's labels the backbone does without. label_savings has those of one protocol.
--
-- Units     labels_needed: labels, for fitting and for choosing, after which the backbone's curve first reaches
--           rival_value or better, the rival's score with all its labels (rival_labels); linear in log(labels) between points.
--           label_saving = 1 - labels_needed / rival_labels: 0.75 is a quarter of the labels, negative is more labels.
-- better    higher if higher_is_better, else lower: a curve of errors reaches a score from above.
-- at_most   true if the backbone is there at its smallest partition already: it may need fewer labels still.
-- Excluded  curves of fewer than two points; points without a value or a number of labels, so published ones without.
--           Pairs differing in suite, dataset, metric, selection, train_draw, axis or source.
--           Of points with equally many labels (default and 1.00x_train) the one with more seeds counts.
-- NULL      labels_needed, label_saving: the backbone never reaches that score. weights, rival_weights: see scores.
CREATE OR REPLACE VIEW curve_pairs AS
WITH points AS (
    SELECT *, if(higher_is_better, value, -value) AS gain
    FROM label_efficiency
    WHERE value IS NOT NULL AND n_labels > 0
    QUALIFY row_number() OVER (
        PARTITION BY curve_id, n_labels ORDER BY n_seeds DESC, partition, samples
    ) = 1
),
steps AS (
    SELECT *, lag(n_labels) OVER curve AS n_before, lag(gain) OVER curve AS before, count(*) OVER whole AS n_points
    FROM points
    WINDOW
        whole AS (PARTITION BY curve_id),
        curve AS (PARTITION BY curve_id ORDER BY n_labels)
),
ends AS (
    SELECT * FROM steps
    WHERE n_points > 1
    QUALIFY row_number() OVER (PARTITION BY curve_id ORDER BY n_labels DESC) = 1
),
crossings AS (
    SELECT
        steps.suite, steps.dataset, steps.protocol, steps.backbone, steps.weights, steps.setup, steps.curve_id,
        ends.protocol AS rival_protocol, ends.backbone AS rival, ends.weights AS rival_weights,
        ends.setup AS rival_setup, ends.curve_id AS rival_curve_id,
        ends.value AS rival_value, ends.n_labels AS rival_labels,
        min(CASE
            WHEN steps.gain < ends.gain THEN NULL
            WHEN steps.n_before IS NULL THEN steps.n_labels
            WHEN steps.before < ends.gain THEN steps.n_before
                * (steps.n_labels / steps.n_before) ** ((ends.gain - steps.before) / (steps.gain - steps.before))
        END) AS labels_needed,
        bool_or(steps.n_before IS NULL AND steps.gain >= ends.gain) AS at_most,
        ends.metric, ends.higher_is_better, ends.selection, ends.train_draw, ends.axis, ends.source
    FROM ends
    JOIN steps
        ON steps.suite = ends.suite AND steps.dataset = ends.dataset
        AND steps.metric = ends.metric AND steps.higher_is_better = ends.higher_is_better AND steps.axis = ends.axis AND steps.source = ends.source
        AND steps.selection IS NOT DISTINCT FROM ends.selection
        AND steps.train_draw IS NOT DISTINCT FROM ends.train_draw
        AND steps.curve_id <> ends.curve_id
    WHERE steps.n_points > 1
    GROUP BY ALL
)
SELECT
    suite, dataset, protocol, backbone, weights, rival_protocol, rival, rival_weights, metric, rival_value, rival_labels,
    labels_needed, 1 - labels_needed / rival_labels AS label_saving, at_most,
    selection, train_draw, axis, setup, rival_setup, source, curve_id, rival_curve_id, higher_is_better
FROM crossings;
