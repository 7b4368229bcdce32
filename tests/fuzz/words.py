"""Pieces that mean something where an input is read, and queries to begin with."""

import datetime

DATES = [
    datetime.date(2018, 9, 27),
    datetime.datetime(2018, 9, 27, 11, tzinfo=datetime.UTC),
    datetime.datetime(2018, 9, 27, 11, 54, 1, 250_000),
]

PICKLE = (
    *(bytes([code]) for code in b"()]}NKMJGXCBtaesubcRqrhj.\x80\x81\x82\x85\x86\x87\x88\x89\x8a"),
    *(bytes([code]) for code in b"\x8c\x8d\x8e\x93\x94\x95"),
    b"K\x01", b"\x8c\x01a", b"C\x04\x07\xe2\x01\x02", b"h\x00", b"h\x01", b"\x94", b"R", b"b", b"(K\x01K\x02t",
    b"\x8a\xff" + b"\x7f" * 255, b"J\xff\xff\xff\x7f", b"G\x7f\xf0\x00\x00\x00\x00\x00\x00", b"]" * 1_000,
    b"cgeobench.dataset\nSentinel2\n", b"cgeobench.label\nClassification\n", b"cgeobench.task\nTaskSpecifications\n",
    b"caffine\nAffine\n", b"crasterio.crs\nCRS\n", b"ccollections\nOrderedDict\n", b"cos\nsystem\n",
    b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"cdatetime\ntimezone\n",
    b"cnumpy.core.multiarray\nscalar\n", b"cnumpy.core.numeric\n_frombuffer\n", b"cdatetime\ndatetime\n",
    b"\x8c\x09n_classes", b"\x8c\x0abands_info", b"\x8c\x0alabel_type", b"\x8c\x0abands_order", b"\x8c\x05label",
)  # fmt: skip

HDF5 = (
    b"\x89HDF\r\n\x1a\n", b"TREE", b"HEAP", b"SNOD", b"OHDR", b"GCOL", b"FRHP", b"BTHD", b"OCHK", b"b'", b"\\x80", b"'",
    b"pickle\0", b"02 - Blue\0", b"label\0", b"\xff" * 8, b"\0" * 8, b"/etc/passwd\0", b"\x01\0\0\0\0\0\0\0",
)  # fmt: skip

PARQUET = (
    b"PAR1", b"PARE", b"#y", b"WX", b"tortilla:id", b"tortilla:offset", b"tortilla:length", b"TORTILLA", b"BYTES",
    b"ARROW:schema", b"\x15\x00", b"\x15\xfe\xff\xff\xff\x0f", b"\x16\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x19\xfc", b"\x18\xff\xff\xff\x0f", b"\x00", b"\x02\x00\x00\x00", b"\xff\xff\xff\x7f", b"snappy",
)  # fmt: skip

JSON = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"1e308", b"-1", b"0.5",
    b"9" * 5_000, b"[" * 100_000, b'{"a":' * 2_000, b'"\\ud800"', b'"\\u0000"', b'"../x"', b'"/etc/passwd"', b"\xff",
    b'"train"', b'"valid"', b'"test"', b'"id_0"', b'"mean"', b'"std"', b'"bands"', b'"size"', b'"dtype"', b'"F32"',
    b'"shape"', b'"data_offsets"', b'"run_id"', b'"value"', b'"configuration"', b"2147483648", b"18446744073709551616",
)  # fmt: skip

TORCH = (
    *PICKLE[:44],
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch\nFloatStorage\n", b"ctorch\nLongStorage\n", b"cos\nsystem\n",
    b"ccollections\nOrderedDict\n", b"cargparse\nNamespace\n", b"cpathlib\nPosixPath\n", b"ctorch\nSize\n",
    b"X\x07\x00\x00\x00storage", b"X\x03\x00\x00\x00cpu", b"X\x01\x00\x00\x000", b"Q", b"PK\x01\x02", b"PK\x03\x04",
    b"PK\x05\x06", b"PK\x06\x07", b"data.pkl", b"version", b"byteorder", b"\x08\x00", b"\x0e\x00", b"\xff\xff\xff\xff",
)  # fmt: skip

SQL = tuple(
    word.encode()
    for word in (
        "SELECT ", " FROM ", " WHERE ", " GROUP BY ALL ", " ORDER BY ALL ", " JOIN ", " USING (run_id) ", "runs",
        "metrics", "scores", "leaderboard", "label_efficiency", "class_metrics", "predictions", "mask_counts", "*", "(",
        ")", ",", "'", '"', "--", "/*", "*/", ";", "$1", "?", "%", "NULL", "0/0", "1e400", "'x'::JSON", "range(3e9)",
        "range(1e18)", "generate_series(1, 1e12)", "repeat('x', 1e10)", "'inf'::DOUBLE", "[1, 2]", "{'a': 1}", "MAP {}",
        "'1 year'::INTERVAL", "'\\xFF'::BLOB", "DATE '2020-01-01'", "count(*)", "avg(value)", "UNION ALL ", "WITH ",
        "read_text('/etc/passwd')", "COPY runs TO '/tmp/x'", "ATTACH '/tmp/x'", "INSTALL httpfs", "PRAGMA ", "SET ",
        "getenv('HOME')", "CREATE TABLE x AS ", "DELETE FROM runs", "EXPLAIN ", "PIVOT ", "SUMMARIZE ", "DESCRIBE ",
        "RECURSIVE ", "LATERAL ", "::UUID", "::HUGEINT", "::DECIMAL(38, 10)", "::TIMESTAMPTZ", "::BIT", "\x1b[31m",
        "\0",
    )
)  # fmt: skip

QUERIES = (
    "SELECT backbone, n_labels, value, ci_low, ci_high FROM label_efficiency ORDER BY backbone, n_labels",
    "SELECT class_name, class_metrics.value FROM class_metrics JOIN runs USING (run_id) WHERE split = 'test'",
    "FROM leaderboard",
    "SELECT protocol, count(*), avg(value), list(seed), max(seed) FROM leaderboard GROUP BY ALL HAVING count(*) > 0",
    "WITH best AS (SELECT dataset, max(value) AS value FROM scores GROUP BY ALL) FROM best JOIN scores USING (dataset)",
    "SELECT sample, unnest(target), predicted[1] FROM predictions LIMIT 5",
    "SELECT configuration ->> '$.k', provenance, 1::HUGEINT, 0.1::DECIMAL(9, 3), INTERVAL 1 DAY, 'a'::BLOB FROM runs",
    "SUMMARIZE runs",
    "SELECT sum(x) FROM range(100) AS t (x)",
)

IMPATIENT_READER = """
from harness.data import reading_child
reading_child.READ_SECONDS = 1
reading_child.main()
"""
"""A file that hangs HDF5 is given up far sooner than usual, or the fuzzing would take all day."""
