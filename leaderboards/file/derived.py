"""Columns of `runs` that follow from its others: what a run is compared with, and what it is averaged with.

A *curve* (`curve_id`) is a backbone's scores on one dataset by one protocol under one setup. A *point* of it is a
partition with its `samples`; its runs differ in nothing but the seed, and so they are averaged. A seed counts once in a
point: `schema.sql` refuses a second run of it.
"""

from collections.abc import Mapping

_BY_COLUMN = (
    "suite", "dataset", "backbone", "weights_sha256", "protocol", "selection", "train_draw", "partition", "seed",
    "metric",
)  # fmt: skip
_BY_SAMPLES = ("partition_sha256", "valid_sha256")
NOT_OF_SETUP = (*_BY_COLUMN, *_BY_SAMPLES)
"""Of a configuration, what has a column of its own or may differ within a curve."""
_WITHOUT = "{" + ",".join(f'"{key}":null' for key in NOT_OF_SETUP) + "}"
"""A JSON merge patch that takes these out of a configuration."""

DERIVED: Mapping[str, str] = {
    # Rows from before identities had a version are of version 1; published rows have no identity of this kind.
    "identity_version": """CASE WHEN source = 'published' THEN NULL
        WHEN json_exists(configuration, '$.identity_version')
            THEN TRY_CAST(configuration ->> '$.identity_version' AS INTEGER)
        ELSE 1 END""",
    # NULL: drawn from the seed, so that every seed is another network. Version 1 did not say so; these two did.
    "weights": """CASE WHEN source = 'published' THEN NULL
        WHEN configuration ->> '$.weights_from_seed' = 'true' THEN NULL
        WHEN identity_version = 1 AND backbone IN ('random_init', 'random_init_demo') THEN NULL
        ELSE left(weights_sha256, 8) END""",
    # Whatever else a configuration holds, today or later, in any order of its keys.
    "setup": f"""left(md5(json_array(dataset_fingerprint, protocol_version, list_sort(map_entries(
        json_merge_patch(configuration, '{_WITHOUT}')::MAP(VARCHAR, JSON)
        )))::VARCHAR), 12)""",
    # The train samples too where they are those of the partition; a draw by seed shares the other two splits alone.
    # Without a list of them (some runs of identity 1) their numbers are all there is to tell.
    "samples": """CASE WHEN source = 'published' THEN NULL
        WHEN train_draw = 'partition' AND json_exists(configuration, '$.partition_sha256')
            THEN left(configuration ->> '$.partition_sha256', 8)
        WHEN train_draw = 'seed' AND json_exists(configuration, '$.valid_sha256')
            THEN left(md5(json_array(configuration -> '$.valid_sha256', configuration -> '$.test_sha256')::VARCHAR), 8)
        WHEN identity_version = 1 THEN left(md5(json_array(n_train, n_valid, n_test)::VARCHAR), 8) END""",
    # Fitted or tested on other bands than the dataset's: compared among themselves, never with ordinary runs.
    "other_bands": "json_exists(configuration, '$.band_sets')",
    "curve_id": """left(md5(json_array(
        suite, dataset, backbone, weights, protocol, selection, train_draw,
        CASE left(partition, 2) WHEN 'k=' THEN 'shots' WHEN 'n=' THEN 'images' ELSE 'partition' END,
        setup, metric, source
        )::VARCHAR), 16)""",
}
"""Column -> its expression over the other columns of `runs`; later ones may use those before them."""

SELECT_DERIVED = ", ".join(f"{expression} AS {column}" for column, expression in DERIVED.items())
"""All of them, for a statement that adds runs."""
