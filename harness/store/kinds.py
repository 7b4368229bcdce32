"""What sorts of entries there are, and the version of each. KINDS is the one list."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A sort of entry: a folder below the cache directory."""

    folder: str
    version: int
    """Raised whenever the same input would give other files. It is part of keys, so older entries are never met; they
    stay until `cache prune`."""
    noun: str
    """What messages call an entry."""
    pattern: str = "*"
    """Of the keys: how many levels of folders they have."""


ARRAYS = Kind(folder="arrays", version=6, noun="arrays", pattern="*/*")
FEATURES = Kind(folder="features", version=2, noun="features")
PIXEL_FEATURES = Kind(folder="pixel_features", version=4, noun="features of pixels")
MODALITIES = Kind(folder="modalities", version=1, noun="features of modalities")

KINDS = (ARRAYS, FEATURES, PIXEL_FEATURES, MODALITIES)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an entry lies, or would lie."""

    cache_dir: Path
    kind: Kind
    key: str
    """Path below the kind's folder, named after all that decides the content."""
    title: str
    """What people call it, for example `m-eurosat` or `m-eurosat, mp_mae`."""
    limit: int | None = None
    """Bytes that all entries of the cache may take together; None: what the disk has."""

    @property
    def directory(self) -> Path:
        return self.cache_dir / self.kind.folder / self.key

    def __str__(self) -> str:
        return f"{self.title}: {self.kind.noun}"
