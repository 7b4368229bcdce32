"""Folders of images as people have them, made small."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_picture(path: Path, value: int = 100, size: int = 8, mode: str = "RGB") -> Path:
    """A picture of noise about a value; as JPEG or PNG by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(value).integers(0, 20, (size, size, 3))
    Image.fromarray((value + noise).astype(np.uint8)).convert(mode).save(path)
    return path


def write_classes(root: Path, n: int = 30, classes: dict[str, int] | None = None) -> Path:
    """A sub-folder a class; the tones tell the class."""
    for name, value in (classes or {"dark": 40, "light": 180}).items():
        for i in range(n):
            write_picture(root / name / f"{i}.png", value + i % 10)
    return root
