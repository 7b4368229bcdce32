-- scores: one row per run, with its headline metric on the test split and the curve it is a point of.
--
-- Units     value, ci_low, ci_high and se_test: as metrics stores them, fractions or, for rmse and mae, in the units of the
--           labels. n_* count samples.
-- higher_is_better  of the metric: false for errors, as rmse.
-- n_labels  every label the result used: n_labels_fit to fit the predictor and n_labels_select to choose it.
-- curve_id  16 hex digits over all that the points of a curve share: suite, dataset, backbone, weights, protocol,
--           selection, train_draw, axis, setup, metric and source. A point is a curve_id, partition and samples.
-- weights   the first 8 hex digits of the hash of the weights. NULL if they are drawn from the seed, when every seed is
--           another network, and for published rows.
-- setup     12 hex digits over everything else in the run's configuration: bands and how missing ones were filled,
--           normalisation, input size, settings and versions, contents of the dataset, the test set. Runs that differ
--           in it are never averaged.
-- samples   8 hex digits over the samples that all seeds of a point have in common: all three splits if train_draw =
--           'partition', else valid and test. The run_id's first 8 where one seed was run twice under identity_version
--           1, which does not tell what differs: such runs are not averaged.
-- identity_version  of the run's configuration: runs of different versions are never averaged.
-- axis      what the points of the curve differ in: 'partition' (share of the train split), 'shots' (k=5: labels per class)
--           or 'images' (n=100: labelled images drawn at random).
-- se_test   standard error by the test sample: a quarter of the width of the stored 95 % interval, nearly (/ 3.92).
-- Excluded  runs that were fitted on fewer of the dataset's bands than their backbone reads, or tested on others (`bands` of
--           the view leaderboard): they answer another question. Simulated runs have suite 'demo' or 'areas', published ones
--           source = 'published'.
-- NULL      value: undefined on this split. ci_low, ci_high, se_test: no interval was computed. seed, n_labels*,
--           selection, train_draw, samples, identity_version: unknown, published runs only. parameters, flops_per_image, images_per_second,
--           peak_memory_bytes: nobody counted or measured, as in runs of before. device: published runs only.
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
    higher_is_better,
    score AS value,
    score_low AS ci_low,
    score_high AS ci_high,
    (score_high - score_low) / 3.92 AS se_test,
    parameters,
    flops_per_image,
    images_per_second,
    peak_memory_bytes,
    device,
    source,
    run_id,
    curve_id,
    samples,
    identity_version
FROM runs
WHERE NOT other_bands;
