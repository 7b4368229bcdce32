"""The page of an embedding space in a real browser: it draws, answers the keyboard, and nothing complains."""

from collections.abc import Iterator
from typing import Any

import pytest
from looks import HOSTILE, embeddings, write_two_classes

from browser import browser, choose, count_coloured, emulate, find, open_page, press, problems, texts
from harness.data.sources import SOURCES
from toy_source import TOY


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("page")
    with browser() as started, pytest.MonkeyPatch.context() as patch:
        patch.setitem(SOURCES, TOY.name, TOY)
        places = {f"{i:03}": [9.0 + i / 100, 47.0] for i in range(80)}
        write_two_classes(folder / "data", names=(HOSTILE, "bright"), places=places)
        done = embeddings(folder / "data", folder, "--backbone", "random_features")
        assert done.returncode == 0, done.stderr
        open_page(started, folder / "map.html")
        yield started


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_pictures_are_drawn_by_class_and_by_number(driver: Any, scheme: str) -> None:
    emulate(driver, scheme=scheme)
    for picture in ("PCA", "t-SNE"):
        choose(driver, "picture", picture)
        for colouring in ("longitude, degrees", "class"):
            choose(driver, "colouring", colouring)
            assert len(driver.find_elements("css selector", ".map .mark")) == 2 * 20
            assert count_coloured(driver, ".map") > 50
    assert problems(driver) == []


def test_the_keyboard_goes_through_all_images_and_each_shows_its_name_class_and_picture(driver: Any) -> None:
    choose(driver, "colouring", "class")
    plot = find(driver, ".map")
    seen = set()
    for _ in range(20):
        plot.send_keys("\ue00f")  # Page Down
        (tip,) = texts(driver, "#tip")
        name = tip.split(" ")[0]
        assert f"class: {(HOSTILE, 'bright')[int(name) % 2]} nearest by all features of image_statistics:" in tip
        assert len(driver.find_elements("css selector", "#tip .thumb")) == 1 + 5
        assert len(driver.find_elements("css selector", ".map .ring")) == 2 * 5
        seen.add(name)
    assert seen == {f"{i:03}" for i in range(60, 80)}


def test_an_arrow_goes_to_a_mark_on_that_side(driver: Any) -> None:
    def place() -> float:
        return float(find(driver, ".map .halo").get_attribute("cx"))

    find(driver, ".map").send_keys("\ue012")  # arrow left
    before = place()
    find(driver, ".map").send_keys("\ue014")  # arrow right
    assert place() > before


def test_a_class_that_is_switched_off_fades(driver: Any) -> None:
    choose(driver, "colouring", "class")
    press(driver, "#key label:nth-child(2) input")
    assert len(driver.find_elements("css selector", ".map .faded")) == 2 * 10
    press(driver, "#key label:nth-child(2) input")
    assert not driver.find_elements("css selector", ".map .faded")
