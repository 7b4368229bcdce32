import pytest

from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig, stem_geometry
from mp_mae.errors import UserError


def test_mmearth_lists_b8a_before_b8_and_leaves_out_b10():
    assert MMEARTH_S2_BANDS[7:9] == ("B8A", "B8")
    assert "B10" not in MMEARTH_S2_BANDS
    assert len(MMEARTH_S2_BANDS) == 12


@pytest.mark.parametrize(
    ("patch", "padding", "expected"),
    [
        (8, "same", (1, 1, 0, 1e-6)),
        (16, "same", (2, 1, 0, 1e-6)),
        (8, "published", (1, 0, 0, 1e-4)),
        (16, "published", (2, 0, 1, 1e-4)),
    ],
)
def test_padding_decides_border_and_grn_eps(patch, padding, expected):
    assert stem_geometry(patch, padding) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "giant"}, r"size is 'giant'.*atto, femto"),
        ({"patch": 4}, r"patch size is 4.*8 or 16"),
        ({"padding": "valid"}, r"padding is 'valid'.*published"),
        ({"bands": ()}, "bands are"),
        ({"bands": "B2"}, "bands are"),
        ({"bands": ["B2"]}, "bands are"),
        ({"bands": ("B2", "")}, "bands are"),
        ({"bands": ("B2", "B3", "B2")}, "list B2 more than once"),
        ({"grn_eps": 0.0}, "grn_eps is 0.0"),
        ({"grn_eps": float("nan")}, "grn_eps is nan"),
    ],
)
def test_a_config_that_cannot_be_honoured_is_refused(change, message):
    fields = {"size": "atto", "bands": ("B2", "B3", "B4"), "patch": 8, "padding": "same"} | change
    with pytest.raises(UserError, match=message):
        EncoderConfig(**fields)
