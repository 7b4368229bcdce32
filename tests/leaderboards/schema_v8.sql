-- The tables of a leaderboard file. Text is UTF-8, scores are fractions or in the units of the labels, times are UTC.
-- Every change to this file raises SCHEMA_VERSION in schema.py, which writes the number into schema_version, and comes
-- with a file in migrations/ for the version it leaves behind.
-- What began with a dollar sign is written out here, as version 8 did.

CREATE TABLE schema_version (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    version  INTEGER NOT NULL CHECK (version >= 1)
);

-- One row per run. Columns without NOT NULL are unknown for some published numbers and for those alone.
CREATE TABLE runs (
    run_id              VARCHAR NOT NULL PRIMARY KEY CHECK (regexp_full_match(run_id, '[0-9a-f]{64}')),
    suite               VARCHAR NOT NULL CHECK (suite <> ''),
    dataset             VARCHAR NOT NULL CHECK (dataset <> ''),
    backbone            VARCHAR NOT NULL CHECK (backbone <> ''),
    weights_sha256      VARCHAR CHECK (regexp_full_match(weights_sha256, '[0-9a-f]{64}')),
    dataset_fingerprint VARCHAR CHECK (dataset_fingerprint <> ''),
    protocol            VARCHAR NOT NULL CHECK (protocol <> ''),
    protocol_version    INTEGER CHECK (protocol_version >= 1),
    partition           VARCHAR NOT NULL CHECK (partition <> ''),
    train_draw          VARCHAR CHECK (train_draw IN ('partition', 'seed')),  -- the subset as filed, or drawn by seed
    selection           VARCHAR CHECK (selection IN ('valid', 'cv', 'none')), -- where hyper-parameters are chosen
    seed                BIGINT CHECK (seed >= 0),
    metric              VARCHAR NOT NULL CHECK (metric <> ''),  -- the headline: chose on valid, ranks on test
    higher_is_better    BOOLEAN NOT NULL,                       -- of the headline: false for errors, as rmse
    n_train             BIGINT CHECK (n_train >= 1),            -- samples in each split
    n_valid             BIGINT CHECK (n_valid >= 0),
    n_test              BIGINT CHECK (n_test >= 1),
    n_labels_fit        BIGINT CHECK (n_labels_fit >= 0),       -- labelled samples that fitted the predictor
    n_labels_select     BIGINT CHECK (n_labels_select >= 0),    -- further ones that chose it
    parameters          BIGINT CHECK (parameters >= 0),         -- of the backbone; NULL: nobody counted, measured or not
    flops_per_image     BIGINT CHECK (flops_per_image >= 0),    -- of the backbone on one image as fed; NULL as parameters
    images_per_second   DOUBLE CHECK (isfinite(images_per_second) AND images_per_second > 0), -- on device, batches as fed
    peak_memory_bytes   BIGINT CHECK (peak_memory_bytes >= 0),  -- of tensors alive at once, of one image and the backbone
    source              VARCHAR NOT NULL CHECK (source IN ('measured', 'published')),
    configuration       JSON NOT NULL CHECK (json_type(configuration) = 'OBJECT'),
    provenance          JSON NOT NULL CHECK (json_type(provenance) = 'OBJECT'),
    device              VARCHAR CHECK (device <> ''),
    seconds             DOUBLE CHECK (isfinite(seconds) AND seconds >= 0),
    finished_at         TIMESTAMP CHECK (isfinite(finished_at)),
    score               DOUBLE CHECK (isfinite(score)),         -- the headline on test with its interval, as in metrics;
    score_low           DOUBLE CHECK (isfinite(score_low)),     -- here too, as finding it among the metrics of a million
    score_high          DOUBLE CHECK (isfinite(score_high)),    -- runs takes longer than all the rest of a view
    -- What follows from the others; stored, as reading a million JSON texts takes longer than all the rest of a view.
    identity_version    INTEGER CHECK (identity_version >= 1 AND identity_version IS NOT DISTINCT FROM CASE WHEN source = 'published' THEN NULL
        WHEN json_exists(configuration, '$.identity_version')
            THEN TRY_CAST(configuration ->> '$.identity_version' AS INTEGER)
        ELSE 1 END),
    weights             VARCHAR CHECK (weights IS NOT DISTINCT FROM CASE WHEN source = 'published' THEN NULL
        WHEN configuration ->> '$.weights_from_seed' = 'true' THEN NULL
        WHEN identity_version = 1 AND backbone IN ('random_init', 'random_init_demo') THEN NULL
        ELSE left(weights_sha256, 8) END),
    setup               VARCHAR NOT NULL CHECK (setup = left(md5(json_array(dataset_fingerprint, protocol_version, list_sort(map_entries(
        json_merge_patch(configuration, '{"suite":null,"dataset":null,"backbone":null,"weights_sha256":null,"protocol":null,"selection":null,"train_draw":null,"partition":null,"seed":null,"metric":null,"partition_sha256":null,"valid_sha256":null}')::MAP(VARCHAR, JSON)
        )))::VARCHAR), 12)),
    curve_id            VARCHAR NOT NULL CHECK (curve_id = left(md5(json_array(
        suite, dataset, backbone, weights, protocol, selection, train_draw,
        CASE left(partition, 2) WHEN 'k=' THEN 'shots' WHEN 'n=' THEN 'images' ELSE 'partition' END,
        setup, metric, source
        )::VARCHAR), 16)),
    samples             VARCHAR,
    other_bands         BOOLEAN NOT NULL CHECK (other_bands = json_exists(configuration, '$.band_sets')), -- fitted or tested on a choice of bands
    CONSTRAINT a_seed_counts_once UNIQUE (curve_id, partition, samples, seed),
    -- Of two runs of one seed in one point, version 1 of the identity cannot say what differs: each is its own point.
    CONSTRAINT a_point_has_its_samples CHECK (
        samples IS NOT DISTINCT FROM CASE WHEN source = 'published' THEN NULL
        WHEN train_draw = 'partition' AND json_exists(configuration, '$.partition_sha256')
            THEN left(configuration ->> '$.partition_sha256', 8)
        WHEN train_draw = 'seed' AND json_exists(configuration, '$.valid_sha256')
            THEN left(md5(json_array(configuration -> '$.valid_sha256', configuration -> '$.test_sha256')::VARCHAR), 8)
        WHEN identity_version = 1 THEN left(md5(json_array(n_train, n_valid, n_test)::VARCHAR), 8) END OR (identity_version = 1 AND samples = left(run_id, 8))
    ),
    CONSTRAINT an_interval_has_two_ends CHECK ((score_low IS NULL) = (score_high IS NULL)),
    CONSTRAINT an_interval_is_ordered CHECK (score_low <= score_high),
    CONSTRAINT an_interval_belongs_to_a_score CHECK (score IS NOT NULL OR score_low IS NULL),
    CONSTRAINT no_label_counts_twice CHECK (n_labels_fit + n_labels_select <= n_train + n_valid),
    CONSTRAINT a_measured_run_knows_everything CHECK (
        source = 'published'
        OR (weights_sha256 IS NOT NULL AND dataset_fingerprint IS NOT NULL AND protocol_version IS NOT NULL
            AND train_draw IS NOT NULL AND selection IS NOT NULL AND seed IS NOT NULL
            AND n_train IS NOT NULL AND n_valid IS NOT NULL AND n_test IS NOT NULL
            AND n_labels_fit IS NOT NULL AND n_labels_select IS NOT NULL
            AND identity_version IS NOT NULL AND samples IS NOT NULL
            AND device IS NOT NULL AND seconds IS NOT NULL AND finished_at IS NOT NULL)
    )
);

-- One row per run, split and metric, over the whole split. value is NULL if the metric is undefined on that split;
-- the 95 % interval is NULL if the value is, or if nobody computed it.
CREATE TABLE metrics (
    run_id  VARCHAR NOT NULL REFERENCES runs (run_id),
    split   VARCHAR NOT NULL CHECK (split IN ('valid', 'test')),
    metric  VARCHAR NOT NULL CHECK (metric <> ''),
    value   DOUBLE CHECK (isfinite(value)),
    ci_low  DOUBLE CHECK (isfinite(ci_low)),
    ci_high DOUBLE CHECK (isfinite(ci_high)),
    PRIMARY KEY (run_id, split, metric),
    CONSTRAINT an_interval_has_two_ends CHECK ((ci_low IS NULL) = (ci_high IS NULL)),
    CONSTRAINT an_interval_is_ordered CHECK (ci_low <= ci_high),
    CONSTRAINT an_interval_belongs_to_a_value CHECK (value IS NOT NULL OR ci_low IS NULL)
);

-- One row per run, split, metric and class. value is NULL if undefined, as for a class without samples.
CREATE TABLE class_metrics (
    run_id     VARCHAR NOT NULL REFERENCES runs (run_id),
    split      VARCHAR NOT NULL CHECK (split IN ('valid', 'test')),
    metric     VARCHAR NOT NULL CHECK (metric <> ''),
    class_name VARCHAR NOT NULL CHECK (class_name <> ''),
    value      DOUBLE CHECK (isfinite(value)),
    PRIMARY KEY (run_id, split, metric, class_name)
);

-- One row per run, split and sample: the class indices present, one for single-label. Optional; for paired tests.
-- Keyed by position in the split, not by sample: an index over the names takes several times the room of the rows.
CREATE TABLE predictions (
    run_id    VARCHAR NOT NULL REFERENCES runs (run_id),
    split     VARCHAR NOT NULL CHECK (split IN ('valid', 'test')),
    position  INTEGER NOT NULL CHECK (position >= 0),
    sample    VARCHAR NOT NULL CHECK (sample <> ''),
    target    INTEGER[] NOT NULL CHECK (len(target) = list_count(target) AND coalesce(list_min(target), 0) >= 0),
    predicted INTEGER[] NOT NULL CHECK (len(predicted) = list_count(predicted) AND coalesce(list_min(predicted), 0) >= 0),
    PRIMARY KEY (run_id, split, position)
);

-- One row per run, split and image of a segmentation dataset: its confusion counts, for paired tests and intervals.
-- n_pixels[i] pixels of class target[i] were predicted as predicted[i]; pairs that do not occur are left out, and so are
-- pixels without a label. Optional.
CREATE TABLE mask_counts (
    run_id    VARCHAR NOT NULL REFERENCES runs (run_id),
    split     VARCHAR NOT NULL CHECK (split IN ('valid', 'test')),
    position  INTEGER NOT NULL CHECK (position >= 0),
    sample    VARCHAR NOT NULL CHECK (sample <> ''),
    target    INTEGER[] NOT NULL CHECK (len(target) = list_count(target) AND coalesce(list_min(target), 0) >= 0),
    predicted INTEGER[] NOT NULL CHECK (len(predicted) = list_count(predicted) AND coalesce(list_min(predicted), 0) >= 0),
    n_pixels  INTEGER[] NOT NULL CHECK (len(n_pixels) = list_count(n_pixels) AND coalesce(list_min(n_pixels), 1) >= 1),
    PRIMARY KEY (run_id, split, position),
    CONSTRAINT three_lists_in_step CHECK (len(target) = len(predicted) AND len(target) = len(n_pixels))
);

-- One row per run, split and sample: real numbers, one or several, in the dataset's units. Optional; for paired tests.
-- NaN is the largest of doubles, so a list is finite if its largest and its smallest are.
CREATE TABLE value_predictions (
    run_id    VARCHAR NOT NULL REFERENCES runs (run_id),
    split     VARCHAR NOT NULL CHECK (split IN ('valid', 'test')),
    position  INTEGER NOT NULL CHECK (position >= 0),
    sample    VARCHAR NOT NULL CHECK (sample <> ''),
    target    DOUBLE[] NOT NULL CHECK (
        len(target) = list_count(target) AND isfinite(list_min(target)) AND isfinite(list_max(target))
    ),
    predicted DOUBLE[] NOT NULL CHECK (
        len(predicted) = list_count(predicted) AND isfinite(list_min(predicted)) AND isfinite(list_max(predicted))
    ),
    PRIMARY KEY (run_id, split, position),
    CONSTRAINT two_lists_in_step CHECK (len(target) >= 1 AND len(target) = len(predicted))
);

-- One row per run, split and image whose pixels are predicted as real numbers: sums over its n_pixels labelled pixels.
-- An error is predicted - target, in the dataset's units. RMSE, MAE and R2 of any set of images follow. Optional.
CREATE TABLE error_sums (
    run_id             VARCHAR NOT NULL REFERENCES runs (run_id),
    split              VARCHAR NOT NULL CHECK (split IN ('valid', 'test')),
    position           INTEGER NOT NULL CHECK (position >= 0),
    sample             VARCHAR NOT NULL CHECK (sample <> ''),
    n_pixels           BIGINT NOT NULL CHECK (n_pixels >= 0),
    sum_target         DOUBLE NOT NULL CHECK (isfinite(sum_target)),
    sum_squared_target DOUBLE NOT NULL CHECK (isfinite(sum_squared_target) AND sum_squared_target >= 0),
    sum_error          DOUBLE NOT NULL CHECK (isfinite(sum_error)),
    sum_squared_error  DOUBLE NOT NULL CHECK (isfinite(sum_squared_error) AND sum_squared_error >= 0),
    sum_absolute_error DOUBLE NOT NULL CHECK (isfinite(sum_absolute_error) AND sum_absolute_error >= 0),
    PRIMARY KEY (run_id, split, position),
    CONSTRAINT no_pixel_has_no_sum CHECK (
        n_pixels > 0 OR (sum_target = 0 AND sum_error = 0
            AND sum_squared_target + sum_squared_error + sum_absolute_error = 0)
    )
);

-- One row per number about an embedding space that several modalities share, on the test images of a dataset: of no run,
-- as nothing in it is chosen and one probe answers many questions. what says which question:
--   retrieval        whether the image's own embedding from another modality (gallery) is found by that from modalities;
--   subset           a probe of the shared space, tested on embeddings from modalities alone;
--   missing channel  likewise, one channel of one of them missing;
--   transfer         a probe of the shared space fitted on dataset, tested on test_dataset.
-- Lists of modalities are in the model's order.
CREATE TABLE multimodal (
    result_id        VARCHAR NOT NULL PRIMARY KEY CHECK (regexp_full_match(result_id, '[0-9a-f]{64}')),
    suite            VARCHAR NOT NULL CHECK (suite <> ''),
    backbone         VARCHAR NOT NULL CHECK (backbone <> ''),
    weights_sha256   VARCHAR NOT NULL CHECK (regexp_full_match(weights_sha256, '[0-9a-f]{64}')),
    dataset          VARCHAR NOT NULL CHECK (dataset <> ''),      -- whose train images fitted the probe
    test_dataset     VARCHAR NOT NULL CHECK (test_dataset <> ''), -- whose test images are embedded; of retrieval: both
    what             VARCHAR NOT NULL CHECK (what IN ('retrieval', 'subset', 'missing channel', 'transfer')),
    modalities       VARCHAR[] NOT NULL CHECK (len(modalities) >= 1 AND len(modalities) = list_count(modalities)),
    gallery          VARCHAR CHECK (gallery <> '' AND NOT list_contains(modalities, gallery)),
    channel_of       VARCHAR CHECK (list_contains(modalities, channel_of)), -- the modality of the missing channel
    missing_channel  VARCHAR CHECK (missing_channel <> ''),
    fitted_on        VARCHAR CHECK (fitted_on IN ('everything', 'the same')), -- what the probe's train images had
    metric           VARCHAR NOT NULL CHECK (metric <> ''),
    k                INTEGER CHECK (k >= 1),                      -- of recall: found among the first k
    higher_is_better BOOLEAN NOT NULL,
    value            DOUBLE CHECK (isfinite(value)),              -- NULL: undefined on this split
    ci_low           DOUBLE CHECK (isfinite(ci_low)),             -- 95 % bootstrap over test images, or places
    ci_high          DOUBLE CHECK (isfinite(ci_high)),
    loss             DOUBLE CHECK (isfinite(loss)),               -- how much worse than the same with nothing missing
    loss_low         DOUBLE CHECK (isfinite(loss_low)),           -- 95 % of it, paired by test image
    loss_high        DOUBLE CHECK (isfinite(loss_high)),
    chance           DOUBLE CHECK (isfinite(chance)),             -- what guessing gives; NULL: it has no one value
    n                BIGINT NOT NULL CHECK (n >= 0),              -- test images, or queries
    n_gallery        BIGINT CHECK (n_gallery >= 0),
    seed             BIGINT NOT NULL CHECK (seed >= 0),           -- of the resamples
    configuration    JSON NOT NULL CHECK (json_type(configuration) = 'OBJECT'),
    finished_at      TIMESTAMP NOT NULL CHECK (isfinite(finished_at)),
    CONSTRAINT an_interval_has_two_ends CHECK ((ci_low IS NULL) = (ci_high IS NULL)),
    CONSTRAINT an_interval_is_ordered CHECK (ci_low <= ci_high),
    CONSTRAINT an_interval_belongs_to_a_value CHECK (value IS NOT NULL OR ci_low IS NULL),
    CONSTRAINT the_interval_of_a_loss_has_two_ends CHECK ((loss_low IS NULL) = (loss_high IS NULL)),
    CONSTRAINT the_interval_of_a_loss_is_ordered CHECK (loss_low <= loss_high),
    CONSTRAINT a_loss_is_of_a_value CHECK (value IS NOT NULL OR loss IS NULL),
    CONSTRAINT the_interval_of_a_loss_belongs_to_one CHECK (loss IS NOT NULL OR loss_low IS NULL),
    CONSTRAINT a_channel_has_its_modality CHECK ((channel_of IS NULL) = (missing_channel IS NULL)),
    CONSTRAINT each_question_has_its_columns CHECK (
        (what = 'retrieval') = (gallery IS NOT NULL) AND (what = 'retrieval') = (n_gallery IS NOT NULL)
        AND (what = 'retrieval') = (fitted_on IS NULL) AND (what = 'transfer') = (dataset <> test_dataset)
        AND (k IS NULL OR what = 'retrieval')
        AND (what = 'retrieval' OR (what = 'missing channel') = (missing_channel IS NOT NULL))
    )
);
