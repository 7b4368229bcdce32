"""Simulated images in the place and layout of GEO-Bench's m-eurosat, which both programs read.

Ten classes of 64 px, 13 bands of uint16. A class has a mean spectrum, a roughness and a way its bands vary together;
images of a class scatter around them, so that classes overlap. A pixel has the mean and deviation that torchgeo-bench
knows of m-eurosat, and `band_stats.json` says the same, so that both standardise alike.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from harness.demo.geobench_format import BANDS, SampleWriter, label_type, task_specifications
from harness.records.labels import LabelKind

SIDE, N_CLASSES = 64, 10
N_FACTORS, N_PATTERNS = 4, 3
"""Of mean spectra, and of textures: 13 bands say little more than four."""
FRACTIONS = (0.01, 0.02, 0.05, 0.10, 0.20, 0.50, 1.00)
PARTITIONS = tuple(f"{fraction:.2f}x_train" for fraction in FRACTIONS)
STATISTICS = ("min", "max", "median", *(f"percentile_{p}" for p in ("0_1", 1, 5, 95, 99, "99_9")))
"""What `band_stats.json` has beside mean and deviation, and neither program uses here."""


def write_images(root: Path, splits: Mapping[str, int], statistics: Mapping[str, tuple[float, float]]) -> None:
    """The dataset below `root`; itself the last thing to get its name, so that it is whole or absent.

    Args:
        splits: number of images of train, valid and test.
        statistics: mean and standard deviation by the band's name in the files.
    """
    directory = root / "classification_v1.0" / "m-eurosat"
    if directory.exists():
        return
    partial = directory.with_name(".partial")
    partial.mkdir(parents=True, exist_ok=True)
    writer = SampleWriter(mask=None)
    names = [f"id_{index:05d}" for index in range(sum(splits.values()))]
    for index, (name, pixels) in enumerate(zip(names, draw_images(len(names), statistics), strict=True)):
        (partial / f"{name}.hdf5").write_bytes(writer.sample(pixels, np.array(index % N_CLASSES)))
    classes = label_type(LabelKind.SINGLE_LABEL, [f"class {index}" for index in range(N_CLASSES)])
    (partial / "task_specs.pkl").write_bytes(task_specifications("m-eurosat", "classification_v1.0", SIDE, classes))
    rows = {
        name: {"mean": mean, "std": std, **dict.fromkeys(STATISTICS, mean)} for name, (mean, std) in statistics.items()
    }
    (partial / "band_stats.json").write_text(json.dumps(rows))
    n_train, n_valid = splits["train"], splits["valid"]
    train, valid, test = names[:n_train], names[n_train : n_train + n_valid], names[n_train + n_valid :]
    for partition, fraction in {"default": 1.0, **dict(zip(PARTITIONS, FRACTIONS, strict=True))}.items():
        size = max(N_CLASSES, int(fraction * n_train))  # torchgeo-bench stops where a class has no train image
        content = {"train": train[:size], "valid": valid, "test": test}
        (partial / f"{partition}_partition.json").write_text(json.dumps(content))
    partial.rename(directory)


def draw_images(n: int, statistics: Mapping[str, tuple[float, float]]) -> Iterator[np.ndarray]:
    """(13, 64, 64) uint16, n times, classes in turn; always the same."""
    random = np.random.default_rng(0)
    means, deviations = np.array([statistics[band.name] for band in BANDS]).T[:, :, None, None]
    loadings = random.normal(0, 0.5, (len(BANDS), N_FACTORS))
    spectra = random.normal(0, 0.9, (N_CLASSES, N_FACTORS))
    mixing = random.normal(0, 0.5, (len(BANDS), N_PATTERNS))
    contrast = random.uniform(0.5, 1.5, (N_CLASSES, N_PATTERNS))
    roughness = np.linspace(0.6, 2.2, N_CLASSES)
    for index in range(n):
        label = index % N_CLASSES
        patterns = draw_patterns(random, roughness[label] + random.normal(0, 0.2))
        weights = mixing * contrast[label] * random.lognormal(0, 0.3, N_PATTERNS)
        texture = np.tensordot(weights, patterns, axes=1)
        spectrum = loadings @ (spectra[label] + random.normal(0, 0.4, N_FACTORS))
        noise = 0.2 * random.standard_normal(texture.shape)
        image = means + deviations * (spectrum[:, None, None] + texture + noise)
        yield np.clip(image, 0, 28_000).astype(np.uint16)


def draw_patterns(random: np.random.Generator, roughness: float) -> np.ndarray:
    """(3, 64, 64) of mean 0 and deviation 1, whose amplitude falls with frequency to the power of -roughness."""
    down, across = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)
    frequency = np.hypot(down, across)
    frequency[0, 0] = np.inf
    shape = (N_PATTERNS, *frequency.shape)
    spectrum = frequency**-roughness * (random.standard_normal(shape) + 1j * random.standard_normal(shape))
    patterns = np.fft.irfft2(spectrum, (SIDE, SIDE))
    return patterns / patterns.std(axis=(1, 2), keepdims=True)
