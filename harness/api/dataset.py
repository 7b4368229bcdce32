"""`Dataset.from_arrays`: images of yours, as a dataset."""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np

from baselines.bands import SENTINEL2_LIGHT, SENTINEL2_UM
from harness.api.labels import Labels, read_labels
from harness.api.words import as_unit, kind_errors
from harness.data.description import Band
from harness.data.files.own_arrays import LABELS, PIXELS, Description, write_description
from harness.data.own.splits import share_out, shuffled
from harness.errors import UserError
from harness.records.labels import UNLABELLED, LabelKind, Split

Said = TypeVar("Said")

SPLITS: tuple[Split, ...] = get_args(Split)
_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,60}")
_RADAR = ("VV", "VH", "HH", "HV")


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels that `run` and `features` take."""

    name: str
    """What its rows in the leaderboard say."""
    described: Description
    pixels: np.ndarray
    """(N, C, H, W) as they were given."""
    labels: np.ndarray

    @classmethod
    def from_arrays(
        cls,
        X: np.ndarray,
        y: Any,
        *,
        bands: Sequence[str],
        unit: str | Mapping[str, str] | None = None,
        no_data: float | Mapping[str, float] | None = None,
        ignore: Sequence[int] = UNLABELLED,
        split: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        name: str = "mine",
    ) -> "Dataset":
        """Images and their labels, row by row. Nothing is written before something runs on them.

        Args:
            X: (N, C, H, W) integers or floating point, as the sensor has them; NaN: no data.
            y: what an image shows. (N,) integers or texts: one class each; (N, K) of 0 and 1 (integers or booleans):
                several; (N, H, W) integers: a class for each pixel, `ignore` for none; floating point (N,), (N, K) or
                (N, H, W): numbers of an image or a pixel, NaN in a pixel that has none.
            bands: what the channels are, in their order: Sentinel-2's `B4` or another name, such as `red` or `VV`.
            unit: of the values, such as `reflectance`, or by the band's name. None: not known, which will do for
                everything that the dataset's own statistics standardise.
            no_data: the value that stands where nothing was measured, of all bands or by the band's name. NaN does so
                anyway.
            ignore: values of masks that stand for no label.
            split: N of `train`, `valid` and `test`. Default: 70, 10 and 20 % at random, as of folders of images. Images
                that overlap, or lie side by side, belong into one of them: at random, tests are easier than the world.
            class_names: in the order of the classes. Default: what `y` has.
            name: of the dataset.
        Raises:
            UserError: shapes or types that do not fit each other; says what was wanted and found.
        """
        with kind_errors():
            if _NAME.fullmatch(name) is None:
                raise UserError(f"name: letters, digits, _ and - are wanted, found {name!r}")
            X = np.asarray(X)
            if X.ndim != 4 or X.dtype.kind not in "uif" or 0 in X.shape:
                raise UserError(f"X: numbers of shape (N, C, H, W) are wanted, found {X.dtype} {X.shape}")
            if isinstance(bands, str) or len(set(bands)) != X.shape[1] or len(bands) != X.shape[1]:
                raise UserError(f"bands: {X.shape[1]} different names are wanted, one a channel of X; found {bands!r}")
            labels = read_labels(y, X.shape, class_names, ignore)
            described = Description(
                label_kind=labels.kind,
                class_names=labels.class_names,
                bands=_describe_bands(bands, unit, no_data),
                rows=_split(split, labels),
            )
            return cls(name, described, X, labels.values)

    def __repr__(self) -> str:
        described, (n, _, height, width) = self.described, self.pixels.shape
        splits = ", ".join(f"{len(rows)} {split}" for split, rows in described.rows.items())
        bands = " ".join(band.name for band in described.bands)
        return f"Dataset({self.name!r}: {n} images of {height} x {width} px, {bands}; {described.label_kind}; {splits})"

    def store(self, cache_dir: Path) -> Path:
        """Write it below a cache, unless it is there.

        Returns:
            A folder that serves as `--geobench-dir`: of its name, in one named after a hash of all that it holds, so
            that what is there is this.
        """
        root = cache_dir / "given" / self._digest() / self.name
        if root.is_dir():
            return root
        root.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=root.parent))
        try:
            directory = partial / "arrays" / self.name
            directory.mkdir(parents=True)
            np.save(directory / PIXELS, self.pixels)
            np.save(directory / LABELS, self.labels)
            write_description(self.described, directory)
            partial.rename(root)
        except OSError as error:
            if not root.is_dir():  # else another process wrote the same
                raise UserError(
                    f"{root}: cannot be written ({error.strerror or error}). Pass another cache_dir"
                ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return root

    def _digest(self) -> str:
        """16 hex digits over name, description and both arrays."""
        digest = hashlib.sha256(f"{self.name} {self.described}".encode())
        for array in (self.pixels, self.labels):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]


def _describe_bands(
    names: Sequence[str], unit: str | Mapping[str, str] | None, no_data: float | Mapping[str, float] | None
) -> tuple[Band, ...]:
    units, values = _by_band("unit", unit, names), _by_band("no_data", no_data, names)
    return tuple(replace(_describe_band(name, units.get(name)), no_data=values.get(name)) for name in names)


def _by_band(word: str, said: Said | Mapping[str, Said], names: Sequence[str]) -> Mapping[str, Said]:
    """What was said of all bands, or of some by their names."""
    if not isinstance(said, Mapping):
        return dict.fromkeys(names, said)
    if foreign := said.keys() - set(names):
        raise UserError(f"{word}: {' '.join(sorted(foreign))} is none of the bands {' '.join(names)}")
    return said


def _describe_band(name: str, unit: str | None) -> Band:
    """Names of Sentinel-2's bands say the wavelength and the light; of others nothing is guessed."""
    if name in SENTINEL2_UM:
        return Band(name, "Sentinel2", (SENTINEL2_LIGHT[name],), SENTINEL2_UM[name], unit=as_unit(unit))
    return Band(name, "Sentinel1" if name in _RADAR else "SpectralBand", unit=as_unit(unit))


def _split(split: Sequence[str] | None, labels: Labels) -> dict[Split, tuple[int, ...]]:
    """Rows of each split, those of train so that each beginning has each class's share."""
    n = len(labels.values)
    strata = labels.values if labels.kind is LabelKind.SINGLE_LABEL else None
    order = shuffled([*map(str, range(n))], strata, seed=0)
    if split is None:
        rows = share_out(order, strata)
    else:
        words = [str(word) for word in split]
        if len(words) != n or set(words) != set(SPLITS):
            found = f"{len(words)} of {', '.join(sorted(set(words))[:5])}"
            raise UserError(f"split: {n} words are wanted, and each of {', '.join(SPLITS)}; found {found}")
        rows = {name: [row for row in order if words[row] == name] for name in SPLITS}
    if not all(rows.values()):
        raise UserError(f"X: {n} images are too few to train, choose and test. Pass more")
    train = np.array(sorted(rows["train"]))
    mixed = train[shuffled([*map(str, train)], None if strata is None else strata[train], seed=0)]
    return {"train": tuple(mixed.tolist()), "valid": tuple(sorted(rows["valid"])), "test": tuple(sorted(rows["test"]))}
