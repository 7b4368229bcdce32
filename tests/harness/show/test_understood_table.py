"""What was understood of somebody's own images fits a terminal, with every name whole."""

import pytest
from rich.console import Console

from harness.data.own.description import FILE, read_understood
from harness.data.own.settings import read_settings, where_said
from harness.data.own.understand import FOLDER, write_understood
from harness.records.progress import Silent
from harness.show.overview import understood_table
from own_chips import write_fields

SENTINEL2 = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"]


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    return write_fields(tmp_path_factory.mktemp("own") / "fields")


def shown(fields, tmp_path, **said):
    """Lines of a terminal of 80 columns."""
    said = {"labels": "labels.csv", "label_column": ["label"]} | said
    root = write_understood(fields, read_settings(fields, said), tmp_path / "cache", Silent())
    assert (root / FOLDER / root.name / FILE).exists()
    console = Console(width=80, record=True)
    console.print(understood_table(read_understood(root / FOLDER / root.name), where_said(fields, said)))
    return console.export_text().splitlines()


def test_twelve_bands_take_no_more_than_25_lines_and_their_names_are_whole(fields, tmp_path):
    lines = shown(fields, tmp_path, bands=["sentinel2-l2a-12"])
    assert len(lines) <= 25
    text = " ".join(" ".join(lines).split())
    assert all(f" {name} 1" in text for name in SENTINEL2)  # every least value is between 1000 and 2000
    assert "12 of Sentinel2, unit" in text
    assert "no sensor known here" not in text


def test_bands_of_several_sensors_are_told_apart(fields, tmp_path):
    text = " ".join(shown(fields, tmp_path, bands=["VV", "VH", *SENTINEL2[2:]]))
    assert "2 of Sentinel1" in text
    assert "10 of Sentinel2" in text


def test_bands_that_no_sensor_has_are_named_with_those_that_are_known(fields, tmp_path):
    text = " ".join(" ".join(shown(fields, tmp_path, bands=["foo", "NIR", *SENTINEL2[:9], "bar"])).split())
    assert "bands of no sensor known here: foo, bar." in text
    assert "B1 to B12 and B8A of Sentinel-2, coastal, blue, green, red," in text
    assert text.count("image_statistics") == 1
