-- missing_modalities: one row per number that an evaluation has with a modality, a channel or both missing: how far it falls.
--
-- Units     value, ci_low, ci_high, complete_value: of metric, a fraction or, for rmse and mae, in the units of the labels.
--           loss, loss_low, loss_high: by how much value is worse, 95 % paired by test image; positive is a fall, whatever
--           way the metric points.
-- question  'retrieval' of gallery, or 'label': a linear probe of the shared space predicts the labels of the dataset.
-- fitted_on of a label: 'everything': the probe never saw that something is missing; 'the same': its train images lacked
--           the same. NULL of a retrieval.
-- missing   modalities of the evaluation that test images lacked (of a retrieval: queries, beside the gallery), in the
--           model's order; empty: a channel alone is missing. modalities: those they had.
-- complete_value  with nothing missing.
-- Excluded  what has everything, transfers, and median ranks and recalls that are undefined.
-- NULL      channel_of, missing_channel: every channel is there. gallery, k: of a label. ci_*, loss_*: no interval, of one image.
CREATE OR REPLACE VIEW missing_modalities AS
SELECT
    suite, test_dataset AS dataset, backbone, left(weights_sha256, 8) AS weights,
    if(what = 'retrieval', 'retrieval', 'label') AS question, gallery, fitted_on, metric, k, higher_is_better,
    list_filter(
        try_cast(configuration -> '$.evaluated' AS VARCHAR[]),
        lambda modality: NOT list_contains(modalities, modality) AND modality IS DISTINCT FROM gallery
    ) AS missing,
    modalities, channel_of, missing_channel, value, ci_low, ci_high,
    value + if(higher_is_better, loss, -loss) AS complete_value, loss, loss_low, loss_high, chance, n, seed, finished_at,
    result_id
FROM multimodal
WHERE what <> 'transfer' AND loss IS NOT NULL;
