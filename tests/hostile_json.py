"""Texts that are no JSON, or that JSON's own reader fails on with something else than its own error."""

HOSTILE_JSON = {
    "deep": b"[" * 100_000,
    "deep-object": b'{"a":' * 100_000,
    "huge-integer": b"1" * 5_000,
    "empty": b"",
    "cut-off": b'{"train": [0, 1',
    "not-text": b'\xff\xfe"',
    "nul": b"\0",
}
