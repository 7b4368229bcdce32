"""`python -m mp_mae import-m3leo`: words become an import, and what is unusual is told."""

import json

import pytest

import generated_m3leo as m3leo
from mp_mae.cli.app import main

pytest.importorskip("rasterio", reason="the extra `geo`")


@pytest.fixture
def area(tmp_path):
    return m3leo.write_area(tmp_path / "area", {"0a": "train", "0b": "val"})


def test_an_import_tells_what_it_wrote_and_what_is_missing(area, tmp_path, capsys):
    (area / "gssic" / "0a.nc").unlink()
    (area / "srtmdem" / "0b.tif").write_text("hello")
    out = tmp_path / "out"
    words = ["--side", "16", "--tiles-per-chip", "3", "--damaged", "skip", "--without", "esa_worldcover,sentinel1"]
    assert main(["import-m3leo", str(area.parent), "--out", str(out), "--processes", "1", *words]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{out}: 2 chips of europe; tiles: train 3, val 3, test 0"
    assert told[1] == "chips without a file, where the modality is missing: coherence 1"
    assert told[2].startswith("files that cannot be used, where it is missing too: aster 1. The first: ")
    assert len(told) == 3
    record = json.loads((out / "m3leo.json").read_text())
    assert record["choices"]["without"] == ["esa_worldcover", "sentinel1"]
    assert record["found"]["splits"] == {"train": 3, "val": 3, "test": 0}


def test_all_tiles_can_be_asked_for(area, tmp_path, capsys):
    words = ["--tiles-per-chip", "all", "--without", "sentinel1,coherence,aster,sentinel2"]
    assert main(["import-m3leo", str(area), "--out", str(tmp_path / "out"), *words]) == 0
    assert "tiles: train 49, val 49, test 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tiles-per-chip", "some"], "--tiles-per-chip some: wanted a number or all."),
        (["--season", "autumn"], "--season autumn: wanted one of winter, spring, summer, fall."),
        (["--gssic-seasons", "winter"], "--gssic-seasons winter: wanted each of the four seasons."),
        (["--processes", "0"], "--processes 0: wanted at least one."),
    ],
)
def test_wrong_words_are_one_line_and_exit_code_2(area, tmp_path, capsys, words, said):
    assert main(["import-m3leo", str(area), "--out", str(tmp_path / "out"), *words]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == f"error: {said}"
