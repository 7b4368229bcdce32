-- area_transfer: one row per ordered pair of datasets and set of modalities: a linear probe of the shared space that was
-- fitted on the train images of one and tested, as it is, on the test images of the other.
--
-- Units     value, ci_low, ci_high, in_area_value, chance: of metric, a fraction or, for rmse and mae, in the units of the
--           labels. loss, loss_low, loss_high: by how much value is worse than in_area_value, 95 % paired by test image.
-- fitted_in, dataset  the datasets the probe was fitted on and tested on: two of one evaluation with the same labels.
-- in_area_value  of a probe that was fitted on the train images of dataset itself, on the same modalities.
-- Excluded  everything that is tested where it was fitted (its numbers are in_area_value).
-- NULL      value, loss: undefined. ci_*, loss_*: no interval, of one image.
CREATE OR REPLACE VIEW area_transfer AS
SELECT
    suite, dataset AS fitted_in, test_dataset AS dataset, backbone, left(weights_sha256, 8) AS weights, modalities, metric,
    higher_is_better, value, ci_low, ci_high, value + if(higher_is_better, loss, -loss) AS in_area_value, loss, loss_low,
    loss_high, chance, n, seed, finished_at, result_id
FROM multimodal
WHERE what = 'transfer';
