"""Numbers of the comparison table are those that were computed."""

import pytest

from harness.show.comparison import FRACTION, _short


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [
        (0.123, "", ".123"),
        (-0.123, "", "-.123"),
        (0.05, "+", "+.050"),
        (10.05, "", "10.050"),
        (-10.5, "", "-10.500"),
        (-20.04, "+", "-20.040"),
        (1.0, "+", "+1.000"),
        (0.0, "", ".000"),
    ],
)
def test_only_a_leading_zero_is_left_out(value: float, sign: str, text: str) -> None:
    assert _short(value, f"{sign}{FRACTION}") == text
