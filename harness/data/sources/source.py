"""What a source of data is: a folder below the data's root, and how the datasets in it are found and opened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.data.dataset import Dataset
from harness.data.description import Erratum
from harness.records.job import DatasetRef
from mp_mae.downloads.published import Published

SIMULATED_FILE = "demo.json"
"""Whatever this program simulates says in a file of this name what it is."""
OWN = "user"
"""Begins the suite of data that are nobody's but their user's."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where datasets of one layout come from."""

    name: str
    """Key in SOURCES, and what `DatasetRef.source` says."""
    suites: Mapping[str, str]
    """Folder below the root -> name of the suite that its datasets are."""
    find: Callable[[Path], Sequence[Path]]
    """The datasets in such a folder, in any order; the name of each path is the dataset's. No file is read."""
    proves: Callable[[Path], bool]
    """Whether the files of such a dataset are those of the suite; one of which they are not belongs to its user."""
    open: Callable[[DatasetRef], Dataset]
    """Read what a dataset says of itself. UserError if it is missing, damaged, or nothing that can be evaluated."""
    errata: Mapping[str, Erratum] = field(default_factory=dict)
    """By the name of the dataset."""
    downloads: Mapping[str, Published] = field(default_factory=dict)
    """What of it is published where, by the name that one types."""
