"""Sizes as `cache list` and `cache prune` show them."""

import pytest

from harness.cli.cache import _size


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1 kB"),
        (999_400_000, "999 MB"),
        (999_900_000, "1 GB"),
        (1_234_000_000, "1.23 GB"),
    ],
)
def test_sizes_have_three_digits_and_no_exponent(n_bytes: int, text: str) -> None:
    assert _size(n_bytes) == text
