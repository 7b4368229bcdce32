-- parameter_efficiency: one row per point of a label-efficiency curve whose backbone has its parameters counted: what a
-- score costs.
--
-- Units     parameters: numbers in the backbone, heads not counted. flops_per_image: floating-point operations for one
--           image as it was fed. peak_memory_bytes: the most that tensors take at once meanwhile, the parameters among
--           them. images_per_second: embedded on device, as many at once as extraction feeds; the speeds of two devices
--           say nothing of two backbones. value, ci_low, ci_high, higher_is_better: see label_efficiency.
-- frontier  true if no other backbone on the same dataset, partition and samples, by the same protocol, has at most as many
--           parameters and at least as good a score, one of the two strictly better. frontier_flops, frontier_memory: the
--           same of operations and of memory; frontier_speed: of images per second, among those of one device.
-- Excluded  points without a value or without parameters, so most published ones. Simulated suites are kept apart by suite.
-- NULL      flops_per_image, images_per_second, peak_memory_bytes, and the frontier of each: nobody counted or measured.
--           device: as images_per_second. ci_low, ci_high: nobody computed the interval. weights: see scores.
CREATE OR REPLACE VIEW parameter_efficiency AS
WITH counted AS (
    SELECT *, if(higher_is_better, value, -value) AS gain FROM label_efficiency WHERE value IS NOT NULL AND parameters IS NOT NULL
),
-- What is not known comes last, so that nobody who is known is compared with it.
rivals AS (
    SELECT
        *,
        max(gain) OVER (grid ORDER BY parameters RANGE UNBOUNDED PRECEDING EXCLUDE GROUP) AS smaller,
        max(gain) OVER (grid ORDER BY parameters RANGE CURRENT ROW) AS as_small,
        max(gain) OVER (grid ORDER BY flops_per_image NULLS LAST RANGE UNBOUNDED PRECEDING EXCLUDE GROUP) AS cheaper,
        max(gain) OVER (grid ORDER BY flops_per_image NULLS LAST RANGE CURRENT ROW) AS as_cheap,
        max(gain) OVER (grid ORDER BY peak_memory_bytes NULLS LAST RANGE UNBOUNDED PRECEDING EXCLUDE GROUP) AS leaner,
        max(gain) OVER (grid ORDER BY peak_memory_bytes NULLS LAST RANGE CURRENT ROW) AS as_lean,
        max(gain) OVER (machine ORDER BY images_per_second DESC NULLS LAST RANGE UNBOUNDED PRECEDING EXCLUDE GROUP) AS faster,
        max(gain) OVER (machine ORDER BY images_per_second DESC NULLS LAST RANGE CURRENT ROW) AS as_fast
    FROM counted
    WINDOW
        grid AS (PARTITION BY suite, dataset, protocol, selection, train_draw, partition, samples, metric, source),
        machine AS (PARTITION BY suite, dataset, protocol, selection, train_draw, partition, samples, metric, source, device)
)
SELECT
    suite, dataset, protocol, partition, n_labels, backbone, weights, parameters, flops_per_image, metric,
    higher_is_better, value, ci_low, ci_high,
    gain > coalesce(smaller, '-infinity'::DOUBLE) AND gain >= as_small AS frontier,
    selection, train_draw, setup, source, curve_id, samples, images_per_second, peak_memory_bytes, device,
    CASE WHEN flops_per_image IS NOT NULL
        THEN gain > coalesce(cheaper, '-infinity'::DOUBLE) AND gain >= as_cheap END AS frontier_flops,
    CASE WHEN peak_memory_bytes IS NOT NULL
        THEN gain > coalesce(leaner, '-infinity'::DOUBLE) AND gain >= as_lean END AS frontier_memory,
    CASE WHEN images_per_second IS NOT NULL
        THEN gain > coalesce(faster, '-infinity'::DOUBLE) AND gain >= as_fast END AS frontier_speed
FROM rivals;
