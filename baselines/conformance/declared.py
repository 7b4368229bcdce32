"""Checks of what a backbone declares, and of where its weights come from."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from baselines.bands import Unit
from baselines.conformance.broken_promise import BrokenPromiseError, promise
from baselines.conformance.subject import Subject, alike
from baselines.inputs import Moments
from baselines.units import LIMITS

PLAUSIBLE_STD = {
    Unit.REFLECTANCE: (1e-3, 2.0),
    Unit.DN_10000: (2.0, 2e4),
    Unit.UINT8: (1.0, 130.0),
    Unit.LANDSAT_DN: (10.0, 2e4),
    Unit.DECIBEL: (0.1, 50.0),
    Unit.LINEAR_POWER: (1e-6, 1e3),
    Unit.METRE: (0.01, 1e4),
    Unit.KELVIN: (0.01, 200.0),
    Unit.COHERENCE: (1e-3, 0.5),
}
"""Standard deviations of a band over many images; narrower than any two units that are taken for each other."""


def check_declaration(subject: Subject) -> None:
    """Bands have different names; moments are of them, and can be of values in the declared unit."""
    inputs = subject.backbone.inputs
    names = inputs.bands
    if names is not None:
        promise(bool(names) and len(set(names)) == len(names), f"bands are {names}: all different ones are wanted")
        foreign = sorted(inputs.moments.keys() - set(names))
        promise(not foreign, f"moments are of {' '.join(foreign)}, which are none of its bands {' '.join(names)}")
        lacking = [name for name in names if inputs.moments and name not in inputs.moments]
        promise(not lacking, f"there are no moments of {' '.join(lacking)}")
    for band, moments in inputs.moments.items():
        unit = inputs.units.get(band, inputs.unit)
        assert unit is not None, "moments are numbers in a unit"
        _check_moments({band: moments}, unit)
    for kind, known in inputs.pretraining.items():
        _check_moments(known, kind.unit)
    promise(len(subject.backbone.origin.weights_sha256) == 64, "origin.weights_sha256 has not 64 hex digits")


def _check_moments(known: Mapping[str, Moments], unit: Unit) -> None:
    (low, high), (narrow, wide) = LIMITS[unit], PLAUSIBLE_STD[unit]
    for band, (mean, std) in known.items():
        largest = high if mean == 0 else wide  # without a shift it is a scale: at most that of the largest value
        promise(
            low <= mean <= high and narrow <= std <= largest,
            f"moments of {band} are {mean:g} and {std:g}, which values in {unit} do not have. Correct the unit",
        )


def check_no_fallback(subject: Subject) -> None:
    """Nobody gets a network that he did not ask for: bad weights are refused, and no weights are drawn unseen."""
    entry = subject.entry
    if entry.weights == "required":
        _refuses(subject, None, "no weights at all")
    if entry.weights != "none":
        with TemporaryDirectory() as folder:
            for path, what in _bad_weights(Path(folder), subject.weights):
                _refuses(subject, path, what)
    again = subject.build_again(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20_010_101)
        moved = subject.build_again(0)
    pixels = subject.draw_pixels(1)
    built = (subject.backbone, again, moved)
    vectors = [subject.embed(pixels, backbone=backbone).vector.nan_to_num() for backbone in built]  # `shapes` tells NaN
    promise(
        all(alike(vectors[0], vector) for vector in vectors[1:]),
        "building it again gives other features: its weights are drawn at random. Draw them from `seed`, in an entry "
        "that says `seeded`",
    )
    hashes = {backbone.origin.weights_sha256 for backbone in built}
    promise(len(hashes) == 1, "building it again gives another origin.weights_sha256 of the same weights")
    if entry.seeded:
        _differs_by_seed(subject, pixels, vectors[0])


def _differs_by_seed(subject: Subject, pixels: Tensor, vector: Tensor) -> None:
    other = subject.build_again(1)
    promise(
        not alike(vector, subject.embed(pixels, backbone=other).vector),
        "its entry says `seeded`, and another seed gives the same features. Draw its weights from `seed`",
    )
    promise(
        other.origin.weights_sha256 != subject.backbone.origin.weights_sha256,
        "another seed has the same origin.weights_sha256: hash the weights themselves",
    )


def _bad_weights(folder: Path, own: Path | None) -> Iterator[tuple[Path, str]]:
    yield folder / "absent.safetensors", "a file that is not there"
    text = folder / "page.safetensors"
    text.write_text("<html>404 Not Found</html>")
    yield text, "a page of text"
    foreign = folder / "foreign.safetensors"
    save_file({"a.layer.of.another.model": torch.ones(3)}, foreign)
    yield foreign, "weights of another model"
    if own is not None and own.suffix == ".safetensors":
        part = folder / "part.safetensors"
        save_file(dict(list(load_file(own).items())[::2]), part)
        yield part, "every second tensor of its weights"


def _refuses(subject: Subject, path: Path | None, what: str) -> None:
    try:
        subject.entry.build(path, 0)
    except Exception:  # any refusal will do: which one is the author's to choose
        return
    raise BrokenPromiseError(
        f"given {what} it builds a network all the same. Raise an error, and load with strict=True; or say "
        'weights="none" in an Entry, if it takes no weights (examples/my_backbone)'
    )
