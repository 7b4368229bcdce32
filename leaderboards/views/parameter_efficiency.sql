-- parameter_efficiency: one row per point of a label-efficiency curve whose backbone has its parameters counted.
--
-- Units     parameters: numbers in the backbone, heads not counted. flops_per_image: floating-point operations for one
--           image as it was fed. value, ci_low, ci_high, higher_is_better: see label_efficiency.
-- frontier  true if no other backbone on the same dataset, partition and samples, by the same protocol, has at most as many
--           parameters and at least as good a score, one of the two strictly better.
-- Excluded  points without a value or without parameters, so most published ones. suite = 'demo' is kept apart by suite.
-- NULL      flops_per_image: nobody counted. ci_low, ci_high: nobody computed the interval. weights: see scores.
CREATE OR REPLACE VIEW parameter_efficiency AS
WITH counted AS (
    SELECT *, if(higher_is_better, value, -value) AS gain FROM label_efficiency WHERE value IS NOT NULL AND parameters IS NOT NULL
),
smaller AS (
    SELECT
        *,
        max(gain) OVER (grid ORDER BY parameters RANGE UNBOUNDED PRECEDING EXCLUDE GROUP) AS best_of_smaller,
        max(gain) OVER (grid ORDER BY parameters RANGE CURRENT ROW) AS best_of_equal
    FROM counted
    WINDOW grid AS (PARTITION BY suite, dataset, protocol, selection, train_draw, partition, samples, metric, source)
)
SELECT
    suite, dataset, protocol, partition, n_labels, backbone, weights, parameters, flops_per_image, metric,
    higher_is_better, value, ci_low, ci_high,
    gain > coalesce(best_of_smaller, '-infinity'::DOUBLE) AND gain >= best_of_equal AS frontier,
    selection, train_draw, setup, source, curve_id, samples
FROM smaller;
