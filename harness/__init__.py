"""Evaluate pretrained backbones on GEO-Bench by the same protocols and keep every result.

Words that mean one thing each, everywhere:

- A *campaign* is all that one `harness run` asks for: its plan, the runs it starts, and their rows.
- A *workbench* is what one process has open: datasets, the current backbone, features.
- A *material* is what a protocol gets to work on: features or pixels with the labels of train and valid, never of test.
- *Places* are where work happens: cache, device, processes. No place can change a result.
- A *partition* says which samples train, choose and test, as a file of the dataset lists them.
- A *draw* is a choice of train samples by a seed: as many as a partition has, `k=5` a class, or `n=100` in all.
- A *setup* is all that can change a result and has no column of its own: bands, normalisation, input size, settings.
- A *curve* is a score against the number of labels: one backbone, dataset, protocol and setup over its partitions.

`import harness as h` is for notebooks, too: docs/notebooks.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api.backbone import Backbone
    from harness.api.board import open
    from harness.api.dataset import Dataset
    from harness.api.features import features
    from harness.api.run import run

__all__ = ["Backbone", "Dataset", "features", "open", "run"]

_MODULES = {
    "Backbone": "harness.api.backbone",
    "Dataset": "harness.api.dataset",
    "features": "harness.api.features",
    "open": "harness.api.board",
    "run": "harness.api.run",
}


def __getattr__(name: str) -> Any:
    """Import what is named when it is first named, so that `import harness` is instant."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. There are: {', '.join(_MODULES)}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
