-- Version 2 derived a run's weights and setup whenever they were read.
INSERT INTO new.runs BY NAME
SELECT
    *,
    weights_of(weights_sha256, provenance) AS weights,
    setup_of(dataset_fingerprint, protocol_version, configuration) AS setup
FROM old.runs;
INSERT INTO new.metrics BY NAME FROM old.metrics;
INSERT INTO new.class_metrics BY NAME FROM old.class_metrics;
INSERT INTO new.predictions BY NAME FROM old.predictions;
INSERT INTO new.mask_counts BY NAME FROM old.mask_counts;
