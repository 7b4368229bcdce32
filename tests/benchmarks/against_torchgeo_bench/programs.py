"""Both programs as whole commands on the same images, and the scores they leave behind."""

import csv
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import timm
import torch
from against_torchgeo_bench.environment import SCRIPTS, Environment
from against_torchgeo_bench.images import N_CLASSES, SIDE, write_images
from sklearn.neighbors import NearestNeighbors

from baselines.timm_models.imagenet_lite import ARCHITECTURE, find_file, in_order, read_verified
from harness.api.features import features
from leaderboards.query import run_query

HERE = Path(__file__).parent
OURS = {"lite0": "imagenet_lite", "atto": "timm:convnextv2_atto", "statistics": "image_statistics"}
ARCHITECTURES = {"lite0": ARCHITECTURE, "atto": "convnextv2_atto"}
K = 5
PROTOCOLS = {"knn": f"knn{K}", "linear_probe": "linear"}
"""Ours -> theirs."""
WORKERS = 2
"""Processes that read for torchgeo-bench, one a core: by default it takes four, and warns that two are better."""


@dataclass(frozen=True)
class Took:
    """What a command took."""

    seconds: float
    cpu_seconds: float
    """User and system, with all processes it started."""
    peak_gb: float
    """Of its largest process."""


class FailedError(Exception):
    """A command ended with an error; says which, and its last words."""


@dataclass(frozen=True)
class Programs:
    folder: Path
    """For everything: images, weights, caches, results."""
    environment: Environment
    splits: Mapping[str, int]

    @property
    def images(self) -> Path:
        """Holds `data`, in which torchgeo-bench looks for its datasets."""
        return self.folder / f"images-{sum(self.splits.values())}"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def _board(self) -> Path:
        return self.folder / "board.duckdb"

    @property
    def _table(self) -> Path:
        return self.folder / "theirs.csv"

    def prepare(self) -> None:
        """Images and files of weights, unless they are there."""
        write_images(self.images / "data", self.splits, self.environment.band_statistics())
        for name, architecture in ARCHITECTURES.items():
            if not self.weights(name).exists():
                torch.manual_seed(0)
                network = timm.create_model(architecture, pretrained=False, num_classes=0)
                if name == "lite0":
                    network.load_state_dict(in_order(read_verified(find_file()), network))
                torch.save(network.state_dict(), self.weights(name))

    def weights(self, backbone: str) -> Path:
        """The tensors of a network under timm's names."""
        return self.folder / f"{backbone}.pt"

    def forget(self) -> None:
        """Empty our cache and leaderboard, and torchgeo-bench's table."""
        shutil.rmtree(self.cache, ignore_errors=True)
        self._board.unlink(missing_ok=True)
        self._table.unlink(missing_ok=True)

    def ours(self, backbone: str, *words: str) -> Took:
        """k-NN and linear probe by `python -m harness run`, into an empty leaderboard."""
        self._board.unlink(missing_ok=True)
        weights = ("--weights", f"{OURS[backbone]}={self.weights(backbone)}") if backbone == "atto" else ()
        command = (
            *(sys.executable, "-m", "harness", "run", "--backbone", OURS[backbone], *weights),
            *("--datasets", "m-eurosat", "--protocols", ",".join(PROTOCOLS), "--geobench-dir", self.images / "data"),
            *("--cache-dir", self.cache, "--db", self._board, "--device", "cpu", *words),
        )
        return self._time(command)[0]

    def theirs(self, backbone: str, partitions: Sequence[str] = ("default",)) -> Took:
        """The same by `torchgeo-bench run`, with C chosen on valid and fitted to train alone, as ours is."""
        self._table.unlink(missing_ok=True)
        bands, model = "all", ["model=imagestats"]
        if backbone in ARCHITECTURES:
            bands, model = "rgb", [
                "model=timm/resnet18",  # a model of timm, and what is another
                "model._target_=local_weights.LocalWeights",
                f"model.name={backbone}",
                f"model.model_name={ARCHITECTURES[backbone]}",
                "model.pretrained=false",
                f"+model.weights='{self.weights(backbone)}'",
            ]  # fmt: skip
        several = ["--multirun"] if len(partitions) > 1 else []
        command = (
            *(self.environment.program, "run", *several, *model, "device=cpu", "eval.merge_val=false"),
            *("dataset.names=[m-eurosat]", f"dataset.partition={','.join(partitions)}", f"dataset.bands={bands}"),
            *(f"dataset.image_size={SIDE}", f"dataset.num_workers={WORKERS}", f"output='{self._table}'"),
        )
        return self._time(command, self.images)[0]

    def embed_ours(self) -> Took:
        """Reading and embedding by Lite0 alone, without what imports take, but in the peak."""
        return _as_printed(*self._time((sys.executable, HERE / "embed_ours.py", self.images / "data", self.cache)))

    def embed_theirs(self) -> Took:
        """The same."""
        weights = self.weights("lite0")
        command = (self.environment.python, SCRIPTS / "embed.py", ARCHITECTURE, weights, WORKERS)
        return _as_printed(*self._time(command, self.images))

    def our_scores(self) -> dict[str, float]:
        """Test accuracy by protocol, of the command before, which ran each once."""
        rows = run_query(self._board, "SELECT protocol, value FROM leaderboard").rows
        return {str(protocol): value for protocol, value in rows}

    def their_scores(self) -> dict[str, float]:
        """The like, under our names of the protocols."""
        with self._table.open(newline="") as file:
            found = {row["method"]: float(row["metric_value"]) for row in csv.DictReader(file)}
        return {ours: found[theirs] for ours, theirs in PROTOCOLS.items()}

    def neighbours_by_their_rule(self, backbone: str) -> float:
        """Test accuracy of our vectors, from the cache, by the rule of torchgeo-bench: raw values, Euclidean distance.

        Equal votes go to the smallest class.
        """
        found = features(
            OURS[backbone],
            "m-eurosat",
            geobench_dir=self.images / "data",
            cache_dir=self.cache,
            device="cpu",
            weights={OURS[backbone]: self.weights(backbone)} if backbone == "atto" else None,
        )
        train, test = found.splits == "train", found.splits == "test"
        near = NearestNeighbors(n_neighbors=K).fit(found.vectors[train]).kneighbors(found.vectors[test])[1]
        votes = (found.labels[train][near][..., None] == np.arange(N_CLASSES)).sum(axis=1)
        return float((votes.argmax(axis=1) == found.labels[test]).mean())

    def _time(self, command: Sequence[object], cwd: Path | None = None) -> tuple[Took, str]:
        """What the command took and printed. In a folder other than ours runs torchgeo-bench.

        Raises:
            FailedError: it ended with an error.
        """
        result = self.folder / "took.json"
        theirs = {"PYTHONPATH": str(SCRIPTS), "GEOBENCH_V1_NO_HF_DOWNLOAD": "1"} if cwd else {}
        done = subprocess.run(
            [sys.executable, HERE / "timed.py", result, *map(str, command)],
            check=False,
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, **theirs},
        )
        if done.returncode:
            raise FailedError(f"{shlex.join(map(str, command))}\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
        return Took(**json.loads(result.read_text())), done.stdout


def _as_printed(took: Took, printed: str) -> Took:
    """With the seconds that a script printed last, and without those of CPU before, which it printed behind them."""
    seconds, cpu_before = map(float, printed.splitlines()[-1].split())
    return replace(took, seconds=seconds, cpu_seconds=took.cpu_seconds - cpu_before)
