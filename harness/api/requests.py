"""What a notebook asks for, as requests: one of the datasets that are named, and one of each made of arrays."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness.api.backbone import Backbone
from harness.api.dataset import Dataset
from harness.campaign.ask import ask
from harness.campaign.defaults import default_cache
from harness.campaign.dividing.shards import parse_shard
from harness.campaign.request import RunRequest
from harness.data.suites import find_root, has_no_data
from harness.demo.build import demo_root
from harness.errors import UserError
from harness.records.progress import Progress
from harness.records.ray_wish import ExecutorName
from harness.show.quantities import parse_size

_READ: dict[str, Callable[[str], Any]] = {"shard": parse_shard, "cache_limit": partial(parse_size, "cache_limit")}
"""What is said as on the command line."""
_OF_ARRAYS = {"protocols": ("linear_probe", "knn"), "partitions": ("all",)}


def make_requests(
    backbones: Sequence[str | Backbone],
    datasets: Sequence[str | Dataset],
    progress: Progress,
    *,
    db: Path,
    geobench_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    weights: Mapping[str, str | Path] | None = None,
    workers: int | None = None,
    **words: Any,
) -> list[RunRequest]:
    """Requests that have backbones, leaderboard and words in common.

    Args:
        words: as of `ask`; what is None follows from the data. Arrays have whole curves, as the demo suite.
    Raises:
        UserError: an unknown name, no data where they were said to be, or a word that nobody knows.
    """
    cache = default_cache() if cache_dir is None else Path(cache_dir).expanduser()
    is_held = any(isinstance(backbone, Backbone) for backbone in backbones)
    if is_held and words.get("executor", ExecutorName.LOCAL) != ExecutorName.LOCAL:
        raise UserError(
            "executor: other machines know backbones by name, and a wrapped one is known to this Python alone. "
            "Write it as a file (docs/your_backbone.md)"
        )
    common: dict[str, Any] = {
        "backbones": [backbone.name if isinstance(backbone, Backbone) else backbone for backbone in backbones],
        "weights": [f"{name}={path}" for name, path in (weights or {}).items()],
        "db": db,
        "cache_dir": cache,
        # Other processes know backbones by what their names lead to, and do not hold any.
        "workers": 1 if is_held else workers,
    }
    for name, read in _READ.items():
        if isinstance(words.get(name), str):
            words[name] = read(words[name])
    named = [dataset for dataset in datasets if isinstance(dataset, str)]
    requests = []
    if named or not datasets:
        given = None if geobench_dir is None else Path(geobench_dir)
        demo = has_no_data(given)
        if demo:
            progress.notice("no GEO-Bench data here: the simulated demo suite serves (docs/geobench.md)")
        root = demo_root(cache, progress) if demo else find_root(given)
        requests.append(ask(demo=demo, geobench_dir=root, datasets=named, **common, **words))
    for own in datasets:
        if isinstance(own, Dataset):
            unsaid = {name: value for name, value in _OF_ARRAYS.items() if words.get(name) is None}
            whole = {**words, **unsaid, "alone": True}
            requests.append(ask(demo=True, geobench_dir=own.store(cache), datasets=(own.name,), **common, **whole))
    return requests
