"""A headless Chromium for the tests of the report; they skip where there is none."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

COLOURFUL = 0.15
"""Difference between a pixel's strongest and weakest channel that grey text and lines do not have."""


@contextmanager
def browser(width: int = 1200, height: int = 900) -> Iterator[Any]:
    """A Selenium driver, its console recorded."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install -e '.[test]'")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    driver = os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no browser: set CHROMIUM and CHROMEDRIVER, or apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument(f"--window-size={width},{height}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield started
    finally:
        started.quit()


def open_page(driver: Any, path: Path) -> None:
    """From the disk, as somebody who got it by mail would."""
    driver.get(path.resolve().as_uri())


def problems(driver: Any) -> list[str]:
    """Errors and warnings in the console since the last call, of the page and of its security policy."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def emulate(driver: Any, *, width: int = 1200, scheme: str = "light") -> None:
    """A screen of that width in pixels, with that preferred colour scheme."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def count_coloured(driver: Any, css: str) -> int:
    """Pixels of the first such element that are neither background nor grey: what the data drew."""
    driver.execute_script("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", css)
    pixels = matplotlib.image.imread(BytesIO(find(driver, css).screenshot_as_png), format="png")[..., :3]
    return int(np.count_nonzero(pixels.max(axis=2) - pixels.min(axis=2) > COLOURFUL))


def find(driver: Any, css: str) -> Any:
    return driver.find_element("css selector", css)


def press(driver: Any, css: str) -> None:
    """Click in the middle of the screen, where no sticky heading lies above."""
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", find(driver, css))
    find(driver, css).click()


def texts(driver: Any, css: str) -> list[str]:
    """What stands in all such elements, each on one line."""
    return driver.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText.replace(/\\s+/g, ' ').trim())", css
    )


def choose(driver: Any, control: str, text: str) -> None:
    """Pick an option of a select by what it says."""
    from selenium.webdriver.support.ui import Select

    Select(find(driver, f"#{control}")).select_by_visible_text(text)
