"""Bands are matched by name, and what stands in for a missing one is the user's choice."""

import pytest

from baselines.bands import SENTINEL2_UM
from harness.data.band_matching import MissingBands, canonical_name, plan_bands
from harness.data.description import Band
from harness.errors import UserError

SENTINEL2 = {
    "B1": Band("01 - Coastal aerosol", "Sentinel2", ("1", "01"), 0.443),
    "B2": Band("02 - Blue", "Sentinel2", ("2", "02", "blue"), 0.49),
    "B3": Band("03 - Green", "Sentinel2", ("3", "03", "green"), 0.56),
    "B4": Band("04 - Red", "Sentinel2", ("4", "04", "red"), 0.665),
    "B5": Band("05 - Vegetation Red Edge", "Sentinel2", ("5", "05"), 0.705),
    "B6": Band("06 - Vegetation Red Edge", "Sentinel2", ("6", "06"), 0.74),
    "B7": Band("07 - Vegetation Red Edge", "Sentinel2", ("7", "07"), 0.783),
    "B8": Band("08 - NIR", "Sentinel2", ("8", "08", "NIR"), 0.842),
    "B8A": Band("08A - Vegetation Red Edge", "Sentinel2", ("8A", "08A"), 0.865),
    "B9": Band("09 - Water vapour", "Sentinel2", ("9", "09"), 0.945),
    "B10": Band("10 - SWIR - Cirrus", "Sentinel2", ("10",), 1.375),
    "B11": Band("11 - SWIR", "Sentinel2", ("11",), 1.61),
    "B12": Band("12 - SWIR", "Sentinel2", ("12",), 2.19),
}
RADAR = Band("06 - VV.LEE Filtered", "Sentinel1", ("vv",))
SO2SAT = [RADAR, *(band for name, band in SENTINEL2.items() if name not in ("B1", "B9", "B10"))]
LANDSAT = [
    Band("02 - Blue", "Landsat8", ("2", "02", "B2", "blue"), 0.482),
    Band("04 - Red", "Landsat8", ("4", "04", "B4", "red"), 0.6546),
    Band("05 - NIR", "Landsat8", ("5", "05", "B5", "nir"), 0.8647),
]
ERROR, NEAREST, ZERO = MissingBands.ERROR, MissingBands.NEAREST, MissingBands.ZERO


def sources(requested, available, policy=ERROR):
    return plan_bands(requested, available, policy, "toy: mp_mae").sources


def test_every_canonical_name_finds_its_band_whatever_the_order():
    shuffled = list(SENTINEL2.values())[::-1]
    assert sources(list(SENTINEL2), shuffled) == tuple(band.name for band in SENTINEL2.values())
    assert [canonical_name(band) for band in SENTINEL2.values()] == list(SENTINEL2_UM)


@pytest.mark.parametrize("name", ["02 - Blue", "B2", "b02", "blue", "BLUE", "02", "2"])
def test_a_band_answers_to_all_its_names(name):
    assert sources([name], list(SENTINEL2.values())) == ("02 - Blue",)


def test_b8_and_b8a_are_never_mistaken_for_each_other():
    bands = list(SENTINEL2.values())
    assert sources(["B8", "B8A", "8a", "nir"], bands) == (
        "08 - NIR",
        "08A - Vegetation Red Edge",
        "08A - Vegetation Red Edge",
        "08 - NIR",
    )


def test_canonical_names_are_sentinel_2_only():
    # Landsat's own second band has the alternative name B2, which is not Sentinel-2's band at 490 nm.
    with pytest.raises(UserError, match="toy: mp_mae wants band B5"):
        plan_bands(["B5"], LANDSAT, ERROR, "toy: mp_mae")
    plan = plan_bands(["B5", "nir"], LANDSAT, NEAREST, "toy: mp_mae")
    assert plan.sources == ("04 - Red", "05 - NIR")
    assert plan.filled == {"B5": "04 - Red"}


def test_nearest_reproduces_the_published_substitution_on_so2sat():
    plan = plan_bands(["B1", "B2", "B9", "B10"], SO2SAT, NEAREST, "m-so2sat: mp_mae")
    assert plan.requested == ("B1", "B2", "B9", "B10")
    assert plan.filled == {"B1": "02 - Blue", "B9": "08A - Vegetation Red Edge", "B10": "11 - SWIR"}
    assert plan.sources == ("02 - Blue", "02 - Blue", "08A - Vegetation Red Edge", "11 - SWIR")


def test_nearest_takes_the_shorter_of_two_wavelengths_as_close():
    # In binary fractions the longer one seems closer.
    assert abs(0.563 - 0.56) < abs(0.557 - 0.56)
    around = [Band("long", "SpectralBand", (), 0.563), Band("short", "SpectralBand", (), 0.557)]
    assert sources(["B3"], around, NEAREST) == ("short",)


def test_nearest_never_takes_radar_elevation_or_a_mask():
    stored = [
        Band("VV", "Sentinel1", (), 0.49),
        Band("height", "ElevationBand", (), 0.49),
        Band("cloud", "CloudProbability", (), 0.49),
        Band("far", "SpectralBand", (), 2.0),
    ]
    assert sources(["B2"], stored, NEAREST) == ("far",)
    with pytest.raises(UserError, match="no wavelength tells which is nearest"):
        sources(["B2"], stored[:3], NEAREST)


def test_zero_fills_with_nothing_and_says_so():
    plan = plan_bands(["B1", "B2"], SO2SAT, ZERO, "x")
    assert plan.sources == (None, "02 - Blue")
    assert plan.filled == {"B1": None}


def test_zero_never_feeds_nothing_but_zeros():
    with pytest.raises(UserError) as caught:
        plan_bands(["B1", "B5"], LANDSAT, ZERO, "mp_mae")
    assert str(caught.value) == (
        "mp_mae: --missing-bands zero would feed it nothing but zeros, as this dataset has none of the bands B1 B5. "
        'Choose a backbone that reads "02 - Blue" "04 - Red" "05 - NIR"'
    )


def test_error_lists_every_band_that_is_missing():
    with pytest.raises(
        UserError, match=r"wants bands B1 B9; .* \(closest wavelength: B1 from B2, B9 from B8A\) or zero"
    ):
        sources(["B1", "B2", "B9"], SO2SAT)


def test_error_lists_what_is_stored_and_what_to_type():
    with pytest.raises(UserError) as caught:
        plan_bands(["B2", "B1"], SO2SAT, ERROR, "m-so2sat: mp_mae")
    assert str(caught.value) == (
        'm-so2sat: mp_mae wants band B1; this dataset stores "06 - VV.LEE Filtered" B2 B3 B4 B5 B6 B7 B8 B8A B11 B12; '
        "pass --missing-bands nearest (closest wavelength: B1 from B2) or zero"
    )


@pytest.mark.parametrize("policy", [ERROR, NEAREST])
def test_a_band_of_unknown_wavelength_has_no_nearest(policy):
    with pytest.raises(UserError, match=r"wants band hh; this dataset stores .* pass --missing-bands zero"):
        sources(["hh"], SO2SAT, policy)


def test_a_name_that_fits_two_bands_is_refused_with_both():
    with pytest.raises(UserError, match=r'wants band red, which fits "04 - Red" \(Sentinel2\), "Red" \(SpectralBand\)'):
        sources(["red"], [SENTINEL2["B4"], Band("Red", "SpectralBand", ("red",), 0.66)], ZERO)


def test_a_datasets_own_name_wins_over_an_alternative_name():
    assert sources(["red"], [SENTINEL2["B4"], Band("red", "SpectralBand", (), 0.66)]) == ("red",)


def test_asking_for_every_band_by_name_gives_every_band_in_order():
    names = [band.name for band in SO2SAT]
    plan = plan_bands(names, SO2SAT, ERROR, "x")
    assert plan.sources == tuple(names)
    assert plan.filled == {}
