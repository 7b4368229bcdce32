-- label_efficiency: one row per point of a label-efficiency curve: one backbone with its weights, on one partition of a
-- dataset, by one protocol, over all seeds. curve_id, partition and samples identify it; n_seeds are distinct.
--
-- Units     value, ci_low, ci_high, margin, seed_std, se_test: as in scores, as is higher_is_better. n_labels counts all
--           labels used, for fitting (n_labels_fit) and for choosing (n_labels_select), rounded if seeds differ.
-- interval  95 %, of the score expected over seeds and over test samples. All seeds share one test set, so their mean
--           does not average its luck away: variance = seed_std^2 / n_seeds + se_test^2, of which the
--           second counts as known. What one seed does to single test samples is in both terms, so the interval errs
--           on the wide side. It covers 93 to 97 % from two seeds on (docs/statistics.md). train_draw = 'partition':
--           every seed has the same training samples, so it does not tell how much another draw would have changed.
--           ci_low and ci_high end where the metric does: at 0 (but r2) and, where higher is better, at 1. margin is
--           half of the interval before that, for whoever adds noise up.
-- one_seed  true: the interval is the run's own bootstrap interval, of the test samples alone. It says nothing of other
--           seeds, so it may be narrower than that of three seeds and still less sure: draw it otherwise.
-- costs     parameters, flops_per_image, peak_memory_bytes: the same in every seed. images_per_second: of the fastest, on
--           device: whatever else a machine did made the others slower.
-- setup     see the view scores, as for axis, curve_id, samples and identity_version: runs of other settings are points
--           of another curve, runs on other samples other points of it.
-- Excluded  what scores excludes. Simulated points have suite 'demo' or 'areas', published ones source = 'published'.
-- NULL      value: undefined for every seed. seed_std: fewer than two runs. ci_low, ci_high, margin: fewer than two seeds,
--           and not one run with an interval; or seeds that all agree and no run's interval, which tell nothing of the noise.
--           se_test: no run has an interval (then seeds alone make it). weights: drawn from the seed, or published.
--           parameters, flops_per_image, images_per_second, peak_memory_bytes: nobody counted or measured; device as the
--           third. n_labels, selection, train_draw, samples, identity_version, one_seed: unknown, published rows only.
CREATE OR REPLACE VIEW label_efficiency AS
WITH points AS (
    SELECT
        suite, dataset, backbone, weights, protocol, selection, train_draw, setup, axis, partition, metric, higher_is_better,
        source, curve_id, samples, identity_version,
        round(avg(n_labels))::BIGINT AS n_labels,
        round(avg(n_labels_fit))::BIGINT AS n_labels_fit,
        round(avg(n_labels_select))::BIGINT AS n_labels_select,
        count(DISTINCT coalesce(seed, -1)) FILTER (value IS NOT NULL) AS n_seeds,
        avg(value) AS value,
        CASE WHEN count(value) > 1 THEN stddev_samp(value) END AS seed_std,
        sqrt(avg(se_test ** 2)) AS se_test,
        CASE WHEN count(value) = 1 THEN any_value(ci_low) END AS run_low,
        CASE WHEN count(value) = 1 THEN any_value(ci_high) END AS run_high,
        max(parameters) AS parameters,
        max(flops_per_image) AS flops_per_image,
        max(images_per_second) AS images_per_second,
        max(peak_memory_bytes) AS peak_memory_bytes,
        arg_max(device, images_per_second) AS device
    FROM scores
    GROUP BY
        suite, dataset, backbone, weights, protocol, selection, train_draw, setup, axis, partition, metric, higher_is_better,
        source, curve_id, samples, identity_version
),
variances AS (
    SELECT *, seed_std ** 2 / n_seeds AS of_seeds, coalesce(se_test ** 2, 0) AS of_test
    FROM points
),
margins AS (
    -- critical ^ 2 = z ^ 2 + (t ^ 2 - z ^ 2) * share ^ 1.9, as leaderboards/statistics/student.py has it: Student's t
    -- where seeds are all of the variance, the normal where test samples are. Listed: Student's 97.5 % quantile of 1 to
    -- 30 degrees of freedom; linear in 1 / degrees from there down to the normal's.
    SELECT *, sqrt((1.959964 ** 2 + (t ** 2 - 1.959964 ** 2)
        * (of_seeds / nullif(of_seeds + of_test, 0)) ** 1.9) * (of_seeds + of_test)) AS margin
    FROM (SELECT *, CASE WHEN n_seeds <= 31 THEN list_extract(students, n_seeds - 1)
        ELSE 1.959964 + (students[30] - 1.959964) * 30 / (n_seeds - 1) END AS t
        FROM (SELECT *, [
            12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
            2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
            2.079614, 2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.045230, 2.042272
        ] AS students FROM variances))
),
intervals AS (
    SELECT
        *,
        CASE WHEN n_seeds > 1 THEN value - margin ELSE run_low END AS low,
        CASE WHEN n_seeds > 1 THEN value + margin ELSE run_high END AS high
    FROM margins
)
SELECT
    suite, dataset, backbone, weights, protocol, partition, n_labels, n_labels_fit, n_labels_select, metric,
    higher_is_better, value,
    CASE WHEN low < 0 AND metric <> 'r2' THEN 0 ELSE low END AS ci_low,
    CASE WHEN high > 1 AND higher_is_better THEN 1 ELSE high END AS ci_high,
    (high - low) / 2 AS margin,
    CASE WHEN source = 'measured' THEN n_seeds = 1 END AS one_seed,
    n_seeds, seed_std, se_test, selection, train_draw, setup, axis, source, parameters, flops_per_image,
    images_per_second, peak_memory_bytes, device, curve_id, samples, identity_version
FROM intervals;
