"""The verb `embeddings`: one page or picture, harmless, the same again, and plain about what it cannot do."""

import json
import re

import matplotlib.image
import pytest
from looks import HOSTILE, embeddings, write_two_classes


def page_data(text: str) -> dict:
    (found,) = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', text, re.S)
    return json.loads(found)


def test_a_page_holds_every_image_with_its_class_and_place_in_both_pictures(root, tmp_path):
    write_two_classes(root)
    done = embeddings(root, tmp_path)
    assert done.returncode == 0, done.stderr
    data = page_data((tmp_path / "map.html").read_text())
    assert data["names"] == [f"{i:03}" for i in range(60, 80)]  # those of test
    assert [each["name"] for each in data["colourings"]] == ["class"]
    assert data["colourings"][0]["values"] == [i % 2 for i in range(60, 80)]
    (space,) = data["spaces"]
    assert [(picture["name"], len(picture["x"]), len(picture["y"])) for picture in space["pictures"]] == [
        ("PCA", 20, 20), ("t-SNE", 20, 20),
    ]  # fmt: skip
    assert all(abs(at) <= 0.5 for picture in space["pictures"] for at in picture["x"] + picture["y"])
    full = space["agreements"][0][0]
    assert full["low"] > 0.8  # brightness is one of the statistics
    assert full["chance"] == pytest.approx(9 / 19)
    assert re.search(r"image_statistics .*full space .*class .*0\.9\d\d .*0\.474", done.stdout)


def test_the_same_command_writes_the_same_page(root, tmp_path):
    write_two_classes(root)
    for out in ("one.html", "two.html"):
        assert embeddings(root, tmp_path, out=out).returncode == 0
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_names_from_data_are_text(root, tmp_path):
    write_two_classes(root, names=(HOSTILE, "b"))
    for out in ("map.html", "map.png"):
        done = embeddings(root, tmp_path, "--seed", 1, out=out)
        assert done.returncode == 0, done.stderr
    text = (tmp_path / "map.html").read_text()
    assert "<img" not in text
    assert text.count("</script>") == 2
    assert page_data(text)["colourings"][0]["classes"] == [HOSTILE, "b"]


def test_nothing_is_fetched(root, tmp_path):
    write_two_classes(root)
    embeddings(root, tmp_path)
    text = (tmp_path / "map.html").read_text()
    assert "default-src 'none'" in text
    assert set(re.findall(r"https?://[\w./]+", text)) == {"http://www.w3.org/2000/svg"}  # a name, not a place
    assert not re.search(r"<link[^>]+stylesheet|@import|<script[^>]+src", text)


def test_fewer_images_are_drawn_by_the_seed(root, tmp_path):
    write_two_classes(root)
    drawn = []
    for seed in (0, 1):
        assert embeddings(root, tmp_path, "--limit", 12, "--seed", seed).returncode == 0
        text = (tmp_path / "map.html").read_text()
        assert f"12 images of 20, drawn by seed {seed}" in text
        drawn.append(page_data(text)["names"])
    assert [len(names) for names in drawn] == [12, 12]
    assert drawn[0] != drawn[1]


def test_two_backbones_lie_side_by_side_in_a_picture_and_a_page(root, tmp_path):
    write_two_classes(root, places={f"{i:03}": [9.0 + i / 100, 47.0] for i in range(80)})
    words = ("--backbone", "random_features", "--colour-by", "place")
    done = embeddings(root, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    data = page_data((tmp_path / "map.html").read_text())
    assert [space["backbone"] for space in data["spaces"]] == ["image_statistics", "random_features"]
    assert data["colourings"][data["chosen"]]["name"] == "latitude"
    assert embeddings(root, tmp_path, *words, out="map.png").returncode == 0
    height, width, _ = matplotlib.image.imread(tmp_path / "map.png").shape
    assert height > width  # two backbones by latitude and longitude: four rows


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--limit", 5), "--limit: a number from 10 to 5000 is wanted, 5 found"),
        (("--colour-by", "place"), "toy does not say where its images were taken. Choose among label, class"),
        (("--backbone", "nobody"), "nobody"),
        (("--dataset", "nowhere"), "unknown dataset 'nowhere'"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(root, tmp_path, words, message):
    write_two_classes(root)
    done = embeddings(root, tmp_path, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "map.html").exists()


def test_a_file_of_another_kind_is_refused_before_anything_is_embedded(root, tmp_path):
    write_two_classes(root)
    done = embeddings(root, tmp_path, out="map.gif")
    assert done.returncode == 2
    assert "map.gif: expected a name ending in .html, .png, .svg or .pdf" in done.stderr
    assert not (tmp_path / "cache").exists()
