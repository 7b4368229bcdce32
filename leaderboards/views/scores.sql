-- scores: one row per run, with its headline metric on the test split and the curve it is a point of.
--
-- Units     value, ci_low, ci_high and se_test: fractions, as metrics stores them. n_* count samples.
-- n_labels  every label the result used: n_labels_fit to fit the predictor and n_labels_select to choose it.
-- weights   the first 8 hex digits of the hash of the weights file the user named. NULL if the backbone's name alone
--           says which weights (built in, or drawn from the seed, when every seed is another network), and for
--           published rows.
-- setup     8 hex digits over everything else that decides the result and is no column: bands and how missing ones
--           were filled, normalisation, input size, settings and versions, fingerprint of the dataset. Runs that
--           differ in it are never averaged.
-- axis      what the points of the curve differ in: 'partition' (share of the train split), 'shots' (k=5: labels per class)
--           or 'images' (n=100: labelled images drawn at random).
-- se_test   standard error by the test sample: a quarter of the width of the stored 95 % interval, nearly (/ 3.92).
-- Excluded  nothing: simulated runs have suite = 'demo', published ones source = 'published'.
-- NULL      value: undefined on this split. ci_low, ci_high, se_test: no interval was computed. seed, n_labels*,
--           selection, train_draw: unknown, published runs only. parameters, flops_per_image: nobody counted.
CREATE OR REPLACE VIEW scores AS
SELECT
    suite,
    dataset,
    backbone,
    weights,
    protocol,
    selection,
    train_draw,
    setup,
    CASE left(partition, 2) WHEN 'k=' THEN 'shots' WHEN 'n=' THEN 'images' ELSE 'partition' END AS axis,
    partition,
    seed,
    n_labels_fit + n_labels_select AS n_labels,
    n_labels_fit,
    n_labels_select,
    metric,
    score AS value,
    score_low AS ci_low,
    score_high AS ci_high,
    (score_high - score_low) / 3.92 AS se_test,
    parameters,
    flops_per_image,
    source,
    run_id
FROM runs;
