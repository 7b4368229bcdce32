"""Sizes and times as people read them."""

import pytest

from harness.show.quantities import describe_duration, describe_size


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
    assert describe_size(n_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "less than 1 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3_600, "60 min"),
        (12_000, "3 h 20 min"),
        (35.99 * 3600, "35 h 59 min"),
        (49 * 3600, "2 d 1 h"),
    ],
)
def test_times_have_two_units_at_most(seconds: float, text: str) -> None:
    assert describe_duration(seconds) == text
