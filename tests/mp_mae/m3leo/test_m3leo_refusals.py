"""What an import of M3LEO cannot take is named in one line, and nothing is half written."""

import json
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest

import generated_m3leo as m3leo
from mp_mae.data.m3leo import importing
from mp_mae.data.m3leo.choices import Choices
from mp_mae.data.m3leo.importing import import_m3leo
from mp_mae.data.m3leo.layout import Box, open_area
from mp_mae.data.m3leo.sources import SOURCES
from mp_mae.errors import UserError

pytest.importorskip("rasterio", reason="the extra `geo`")

CHIPS = {"0a": "train", "0b": "val"}
CHOICES = Choices(
    season="summer", month=7, side=64, cut="tiles", tiles_per_chip=1, seed=0, rgb_white=255, coherence_scale=1.0,
    gssic_seasons=None, without=(), damaged="stop",
)  # fmt: skip
FALL = replace(CHOICES, season="fall", without=tuple(name for name in SOURCES if name != "coherence"))


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return m3leo.write_area(tmp_path_factory.mktemp("m3leo"), CHIPS)


@pytest.fixture
def area(clean, tmp_path):
    """A copy to spoil."""
    shutil.copytree(clean.parent, tmp_path / "area")
    return tmp_path / "area" / clean.name


def refused(area, tmp_path, said, choices=CHOICES, **options):
    with pytest.raises(UserError, match=said):
        import_m3leo(area, tmp_path / "out", choices, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["area"]


def first_coherence(area, tmp_path, choices=FALL):
    """Of the first tile of the first chip: (4,), and which cell it is."""
    import_m3leo(area, tmp_path / "out", choices)
    with h5py.File(tmp_path / "out" / "out.h5") as file:
        y, x = map(int, file["metadata"]["tile_id"][0].decode().split("_")[1:])
        return file["coherence"][0, :, 0, 0], 7 * y + x


# How NetCDF may say the same.


def test_packed_integers_fill_values_and_zero(area, tmp_path):
    packed = np.round(m3leo.coherence(0) * 200 - 20).astype(np.int16)  # value = packed / 200 + 0.1
    packed[3, 1], packed[3, 2] = -32768, -20  # fill value; exactly 0
    m3leo.write_coherence(
        area / "gssic" / "0a.nc", packed,
        {"_FillValue": np.int16(-32768), "scale_factor": 0.005, "add_offset": 0.1},
    )  # fmt: skip
    values, cell = first_coherence(area, tmp_path)
    assert values[[0, 3]] == pytest.approx(m3leo.coherence(0)[3, [0, 3], cell // 7, cell % 7], abs=0.0026)
    assert np.isnan(values[[1, 2]]).all()


def test_dimensions_in_another_order_seasons_in_another_order_and_south_first(area, tmp_path):
    values = m3leo.coherence(0)[[3, 0, 1, 2]][:, ::-1, ::-1]  # fall first; 48 days first; south first
    coordinates = {
        "lon": np.linspace(9, 9.06, 7), "deltadays": np.array(m3leo.DAYS[::-1]), "lat": np.linspace(48, 48.06, 7),
        "season": ["Autumn", "winter", "spring", "summer"],
    }  # fmt: skip
    m3leo.write_netcdf(area / "gssic" / "0a.nc", values.transpose(3, 1, 2, 0), coordinates)
    found, cell = first_coherence(area, tmp_path)
    assert found == pytest.approx(m3leo.coherence(0)[3, :, cell // 7, cell % 7])


def test_fixed_length_season_names_of_characters(area, tmp_path):
    letters = np.array([list(name.ljust(6)) for name in m3leo.SEASONS], "S1")
    path = area / "gssic" / "0a.nc"
    m3leo.write_netcdf(
        path, m3leo.coherence(0), {"season": letters, "deltadays": np.array(m3leo.DAYS), "y": None, "x": None}
    )
    found, cell = first_coherence(area, tmp_path)
    assert found == pytest.approx(m3leo.coherence(0)[3, :, cell // 7, cell % 7])


def test_seasons_without_names_are_asked_for_and_not_guessed(area, tmp_path):
    for chip in CHIPS:
        coordinates = {"season": np.arange(4), "deltadays": None, "y": None, "x": None}
        m3leo.write_netcdf(area / "gssic" / f"{chip}.nc", m3leo.coherence(0), coordinates)
    refused(area, tmp_path, r"0a\.nc: season names no seasons\. .*--gssic-seasons winter,spring,summer,fall", FALL)
    order = ("fall", "summer", "spring", "winter")
    found, cell = first_coherence(area, tmp_path, replace(FALL, gssic_seasons=order))
    assert found == pytest.approx(m3leo.coherence(0)[0, :, cell // 7, cell % 7])


def test_a_stored_scale_is_asked_for_and_not_guessed(area, tmp_path):
    for chip in CHIPS:
        m3leo.write_coherence(area / "gssic" / f"{chip}.nc", m3leo.coherence(0) * 100)
    refused(area, tmp_path, r"0a\.nc: values are 7\d to 8\d.*; wanted coherence, 0 to 1\. Pass --coherence-scale", FALL)
    found, cell = first_coherence(area, tmp_path, replace(FALL, coherence_scale=100))
    assert found == pytest.approx(m3leo.coherence(0)[3, :, cell // 7, cell % 7], rel=1e-5)


# Files that are no good.


def spoil_coherence(**changes):
    coordinates = {"season": m3leo.SEASONS, "deltadays": np.array(m3leo.DAYS), "y": None, "x": None}
    variable = changes.pop("variable", "coherence")
    values = changes.pop("values", m3leo.coherence(0))
    names = changes.pop("names", {})
    coordinates = {names.get(name, name): changes.get(name, given) for name, given in coordinates.items()}
    return lambda path: m3leo.write_netcdf(path, values, coordinates, variable=variable)


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def link_elsewhere(path):
    path.unlink()
    with h5py.File(path, "w") as file:
        file["coherence"] = h5py.ExternalLink("other.nc", "coherence")


SPOILED = {
    "half a tif": ("s1grd-2020", cut_short, r"s1grd-2020/0a\.tif: "),
    "no tif": ("srtmdem", lambda path: path.write_text("hello"), r"srtmdem/0a\.tif: .*not recognized"),
    "another raster": ("srtmdem", lambda path: path.write_text("<VRTDataset/>"), r"srtmdem/0a\.tif: .*not recognized"),
    "three radar bands": (
        "s1grd-2020",
        lambda path: m3leo.write_tif(path, m3leo.radar(0)[:3]),
        "3 bands; wanted 16, four seasons",
    ),
    "linear radar": (
        "s1grd-2020",
        lambda path: m3leo.write_tif(path, 10 ** (m3leo.radar(0) / 10)),
        r"not dB\. Leave it out: --without sent",
    ),
    "radar in hundredths": (
        "s1grd-2020",
        lambda path: m3leo.write_tif(path, 100 * m3leo.radar(0)),
        r"wanted backscatter in dB, -100 to 50",
    ),
    "unnamed months": (
        "s2rgbm-2020",
        lambda path: m3leo.write_tif(path, np.ones((36, 7, 7), np.uint8)),
        "no band 07_red, 07_green, 07_blue",
    ),
    "optical in floats": (
        "s2rgbm-2020",
        lambda path: m3leo.write_tif(path, np.ones((36, 7, 7), np.float32)),
        "float32; wanted uint8",
    ),
    "two elevations": (
        "srtmdem",
        lambda path: m3leo.write_tif(path, np.ones((2, 7, 7), np.int16)),
        "2 bands; wanted one",
    ),
    "above all mountains": (
        "srtmdem",
        lambda path: m3leo.write_tif(path, np.full((1, 7, 7), 9001, np.int16)),
        "wanted elevation in m",
    ),
    "classes by number": (
        "esaworldcover-2020",
        lambda path: m3leo.write_tif(path, np.full((1, 7, 7), 7, np.uint8)),
        "7 is no class of WorldCover",
    ),
    "half a NetCDF": ("gssic", cut_short, r"gssic/0a\.nc: "),
    "NetCDF-3": ("gssic", lambda path: path.write_bytes(b"CDF\x01" + bytes(99)), "is NetCDF-3; wanted NetCDF-4"),
    "no coherence": ("gssic", spoil_coherence(variable="amplitude"), r"no variable coherence; there are amplitude, "),
    "a link": ("gssic", link_elsewhere, "no variable coherence"),
    "other dimensions": (
        "gssic",
        spoil_coherence(names={"season": "time"}),
        "dimensions time, deltadays, y, x; wanted season, deltadays and two",
    ),
    "other baselines": (
        "gssic",
        spoil_coherence(deltadays=np.array([6, 12, 24, 36])),
        r"deltadays is \[6, 12, 24, 36\], 4 long; wanted 12, 24",
    ),
    "other seasons": (
        "gssic",
        spoil_coherence(season=("a", "b", "c", "d")),
        "season is a, b, c, d, 4 long; wanted winter",
    ),
    "text": ("gssic", spoil_coherence(values=np.full((4, 4, 7, 7), b"x")), "wanted numbers"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_file_that_cannot_be_used_stops_the_import_or_is_skipped_and_counted(area, tmp_path, what):
    folder, spoil, said = SPOILED[what]
    (source,) = (source for source in SOURCES.values() if source.folder == folder)
    spoil(source.path(area, "0a"))
    only = replace(CHOICES, without=tuple(name for name in SOURCES if name != source.modality))
    refused(area, tmp_path, f"(?s){said}.*Or go on without such files: --damaged skip$", only)
    summary = import_m3leo(area, tmp_path / "out", replace(only, damaged="skip"))
    assert summary.refused == {source.modality: 1}
    assert "0a" in (summary.first_refused or "")
    assert summary.splits == {"train": 0, "val": 1, "test": 0}  # nothing is known of the first chip
    assert summary.tiles_without_data == 1


def test_where_no_file_of_a_modality_can_be_used_nothing_is_written(area, tmp_path):
    for chip in CHIPS:
        (area / "srtmdem" / f"{chip}.tif").write_text("hello")
    refused(
        area, tmp_path, r"none of 2 files of aster can be used\. The first: .*0a\.tif", replace(CHOICES, damaged="skip")
    )


# Descriptions that are missing or contradict each other.


def splits_of(area):
    (path,) = area.parent.glob("*.csv")
    return path


def geometry_of(area):
    (path,) = area.parent.glob("*.geojson")
    return path


def test_the_folder_of_chips_may_be_named_itself_or_the_one_above(area):
    assert open_area(area.parent) == open_area(area)
    assert open_area(area).name == "europe"
    assert open_area(area).chips["0b"].box == Box(10.0, 48.0, 10.07, 48.07)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


DESCRIBED = {
    "no splits": (lambda area: splits_of(area).unlink(), r"no europe.*_splits_\*\.csv in it\. .*--splits FILE"),
    "no geometry": (lambda area: geometry_of(area).unlink(), r"no europe.*\.geojson in it\. .*--geometry FILE"),
    "two splits": (
        lambda area: shutil.copy(splits_of(area), area.parent / f"{m3leo.NAME}_splits_x.csv"),
        "wanted one .*Choose: --splits",
    ),
    "another column": (
        lambda area: edit(splits_of(area), "split", "part"),
        r"no column split; found \['identifier', 'part'\]",
    ),
    "another split": (
        lambda area: edit(splits_of(area), "val", "valid"),
        "line 3: split 'valid'; wanted train, val, test",
    ),
    "a path": (lambda area: edit(splits_of(area), "0a", "../0a"), r"line 2: identifier '\.\./0a'; wanted letters and"),
    "two splits of a chip": (lambda area: edit(splits_of(area), "0b", "0a"), "line 3: chip 0a is in val and in train"),
    "no training": (lambda area: edit(splits_of(area), "train", "test"), "no chip of the split train has a file"),
    "a chip without a place": (
        lambda area: edit(geometry_of(area), '"0b"', '"0x"'),
        r"has no chip 0b, which .*\.csv lists",
    ),
    "the date line": (lambda area: edit(geometry_of(area), "10.07", "-179.9"), "covers longitudes -179.9 to 10 and"),
    "metres": (lambda area: edit(geometry_of(area), "48.0", "4800000.0"), "wanted a chip of 4,480 m, in degrees"),
    "a projection": (
        lambda area: edit(
            geometry_of(area), '"features"', '"crs": {"properties": {"name": "EPSG::32632"}}, "features"'
        ),
        "EPSG::32632; wanted longitude and latitude",
    ),
    "no polygons": (
        lambda area: edit(geometry_of(area), '"coordinates"', '"c"'),
        r"each feature with an identifier and a pol",
    ),
    "a list": (lambda area: geometry_of(area).write_text("[1]"), "wanted a FeatureCollection"),
    "no dataset": (
        lambda area: shutil.rmtree(area / "gssic"),
        "no folder gssic, of which coherence is made.*--without coherence",
    ),
}


@pytest.mark.parametrize("what", DESCRIBED)
def test_a_description_that_does_not_fit_is_named(area, tmp_path, what):
    spoil, said = DESCRIBED[what]
    spoil(area)
    refused(area, tmp_path, said)


def test_other_files_can_be_named(area, tmp_path):
    for path in (splits_of(area), geometry_of(area)):
        path.rename(tmp_path / "area" / f"mine{path.suffix}")
    import_m3leo(
        area, tmp_path / "out", FALL, splits=tmp_path / "area" / "mine.csv", geometry=tmp_path / "area" / "mine.geojson"
    )
    assert json.loads((tmp_path / "out" / "m3leo.json").read_text())["found"]["chips"] == 2


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("nothing", "no such folder"),
        ("empty", "no folder <area>_partitions_aschips_<hash> in it"),
        ("full", r"found \.zstd\.parquet files of the full set; wanted plain files"),
        ("two", r"wanted one area of interest; found a_partitions_aschips_1, b_partitions_aschips_2"),
    ],
)
def test_a_folder_without_an_area_is_named(tmp_path, folder, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "00.zstd.parquet").touch()
    for name in ("a_partitions_aschips_1", "b_partitions_aschips_2"):
        (tmp_path / "two" / name).mkdir(parents=True)
    with pytest.raises(UserError, match=said):
        open_area(tmp_path / folder)


# Choices, disks and libraries.


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"season": "autumn"}, "--season autumn: wanted one of winter, spring, summer, fall"),
        ({"month": 13}, "--month 13: wanted a number from 1 to 12"),
        ({"side": 449}, "--side 449: wanted 8 to 448 pixels"),
        ({"side": 60, "cut": "whole"}, "--side 60: wanted a divisor of 448 for --cut whole"),
        ({"tiles_per_chip": 50}, "--tiles-per-chip 50: wanted 1 to 49 for tiles of 64 pixels"),
        ({"tiles_per_chip": 0}, "--tiles-per-chip 0: wanted 1 to 49"),
        ({"cut": "half"}, "--cut half: wanted one of tiles, whole"),
        ({"damaged": "ignore"}, "--damaged ignore: wanted one of stop, skip"),
        ({"rgb_white": 100}, "--rgb-white 100: wanted 255 to 65535"),
        ({"coherence_scale": float("nan")}, "--coherence-scale nan: wanted a positive number"),
        ({"gssic_seasons": ("winter", "spring")}, "--gssic-seasons winter,spring: wanted each of the four seasons"),
    ],
)
def test_a_choice_that_cannot_be_is_named(change, said):
    with pytest.raises(UserError, match=said):
        replace(CHOICES, **change)


@pytest.mark.parametrize("without", [("sentinel3",), tuple(SOURCES)])
def test_modalities_to_leave_out_are_checked(area, tmp_path, without):
    refused(area, tmp_path, "wanted some of sentinel2, sentinel1, coherence, aster, esa_worldcover, and not all",
            replace(CHOICES, without=without))  # fmt: skip


def test_a_folder_that_is_there_is_left_alone(area, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is there already; wanted a new folder"):
        import_m3leo(area, tmp_path / "out", CHOICES)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_a_disk_that_is_too_small_is_told_before_anything_is_read(area, tmp_path, monkeypatch):
    monkeypatch.setattr(importing.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 9))
    refused(area, tmp_path, r"98 tiles need 0\.0 GB, the disk has 0\.0 GB free\. .*--tiles-per-chip N",
            replace(CHOICES, tiles_per_chip=None))  # fmt: skip


def test_without_rasterio_the_command_that_installs_it_is_told(area, tmp_path, monkeypatch):
    monkeypatch.setattr("mp_mae.data.m3leo.rasters.find_spec", lambda _: None)
    refused(area, tmp_path, r"rasterio, which is not installed\. Run: pip install rasterio")
