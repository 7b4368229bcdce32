-- Version 2 derived a run's weights and setup whenever they were read.
INSERT INTO new.runs BY NAME
SELECT
    runs.*,
    headline.value AS score,
    headline.ci_low AS score_low,
    headline.ci_high AS score_high,
    weights_of(weights_sha256, provenance) AS weights,
    setup_of(dataset_fingerprint, protocol_version, configuration) AS setup
FROM old.runs AS runs
LEFT JOIN old.metrics AS headline
    ON headline.run_id = runs.run_id AND headline.metric = runs.metric AND headline.split = 'test';
INSERT INTO new.metrics BY NAME FROM old.metrics;
INSERT INTO new.class_metrics BY NAME FROM old.class_metrics;
INSERT INTO new.predictions BY NAME FROM old.predictions;
INSERT INTO new.mask_counts BY NAME FROM old.mask_counts;
