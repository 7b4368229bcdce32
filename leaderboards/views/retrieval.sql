-- retrieval: one row per question of one evaluation "does the embedding from these modalities find the same image's own from
-- that modality", over the test images of a dataset, all of its metrics side by side.
--
-- Units     recall_1, recall_5, recall_10: share of queries whose own image is among the first 1, 5 or 10 of the gallery;
--           median_rank: 1 is the best. *_low, *_high: 95 % bootstrap over queries, or places where those are known; the
--           gallery stays as it is. chance_*: what a shuffled gallery gives. n: queries, n_gallery: images searched.
-- modalities  what queries are embedded from; several: the mean of their unit vectors. gallery: the modality searched.
-- loss_1    recall_1 of the same question with nothing missing less recall_1: queries from every modality but the gallery,
--           with every channel. loss_1_low, loss_1_high: 95 %, paired by query.
-- missing_channel  of the modality channel_of: queries lack it.
-- weights   the first 8 hex digits of the hash of the weights.
-- Excluded  nothing; simulated suites have their names ('areas', 'demo').
-- NULL      loss_1*: nothing is missing. channel_of, missing_channel: no channel is. Metrics: no query has an image to find.
CREATE OR REPLACE VIEW retrieval AS
SELECT
    suite, test_dataset AS dataset, backbone, left(weights_sha256, 8) AS weights, modalities, gallery, channel_of,
    missing_channel,
    any_value(value) FILTER (k = 1) AS recall_1, any_value(ci_low) FILTER (k = 1) AS recall_1_low,
    any_value(ci_high) FILTER (k = 1) AS recall_1_high, any_value(chance) FILTER (k = 1) AS chance_1,
    any_value(value) FILTER (k = 5) AS recall_5, any_value(ci_low) FILTER (k = 5) AS recall_5_low,
    any_value(ci_high) FILTER (k = 5) AS recall_5_high, any_value(chance) FILTER (k = 5) AS chance_5,
    any_value(value) FILTER (k = 10) AS recall_10, any_value(ci_low) FILTER (k = 10) AS recall_10_low,
    any_value(ci_high) FILTER (k = 10) AS recall_10_high, any_value(chance) FILTER (k = 10) AS chance_10,
    any_value(value) FILTER (metric = 'median_rank') AS median_rank,
    any_value(ci_low) FILTER (metric = 'median_rank') AS median_rank_low,
    any_value(ci_high) FILTER (metric = 'median_rank') AS median_rank_high,
    any_value(chance) FILTER (metric = 'median_rank') AS chance_median_rank,
    any_value(loss) FILTER (k = 1) AS loss_1, any_value(loss_low) FILTER (k = 1) AS loss_1_low,
    any_value(loss_high) FILTER (k = 1) AS loss_1_high,
    n, n_gallery, seed, configuration, max(finished_at) AS finished_at
FROM multimodal
WHERE what = 'retrieval'
GROUP BY ALL;
