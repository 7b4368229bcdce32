"""A small dataset of two classes, two numbers or masks, in a source of its own, and the verb on it."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from command_line import harness
from toy_source import write_toy

N = 80
HOSTILE = "</script><img src=x onerror=alert(1)>$\"'&é"


def write_two_classes(root: Path, *, names: tuple[str, str] = ("dark", "bright"), **said: object) -> Path:
    """80 images, 20 of them test, of 8 x 8 px; the class is whether red is bright."""
    generator = np.random.default_rng(0)
    labels = np.arange(N) % 2
    pixels = generator.normal(0.5, 0.05, (N, 2, 8, 8)).astype(np.float32)
    pixels[:, 0] += 0.3 * labels[:, None, None]
    return write_toy(root, "toy", pixels, labels, label_kind="single_label", class_names=list(names), **said)


def embeddings(root: Path, folder: Path, *words: object, out: str = "map.html") -> SimpleNamespace:
    """The verb on that dataset with the pixels' statistics as backbone, unless words say otherwise."""
    places = ("--geobench-dir", root, "--cache-dir", folder / "cache", "--out", folder / out)
    return harness("embeddings", "--backbone", "image_statistics", "--dataset", "toy", *places, *words, cwd=folder)
