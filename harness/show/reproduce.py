"""The command that makes a stored run again, from what the leaderboard holds of it."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from baselines.entry import plain_name
from baselines.registry.held import BUILDER
from baselines.table import BACKBONES
from harness.data.draws import is_few
from harness.data.sources import has_erratum
from leaderboards.simulated import DEMO_SUITE, SIMULATED


def reproducing_command(backbone: str, configuration: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """`python -m harness run ...` that asks for exactly this run, so for the same identity if it has this version's.

    Weights are named as their file was called, and the folder of the data is left out: `places` says so.

    Args:
        backbone: the name it was stored under.
    """
    partition = str(configuration["partition"])
    weights = _weights_file(backbone, configuration, provenance)
    if "checkpoint_of" in provenance:
        arguments = ["--weights", f"{backbone}={weights}:{provenance['checkpoint_of']}"]
    else:
        arguments = ["--backbone", backbone, *(["--weights", f"{backbone}={weights}"] if weights else [])]
    if configuration.get("suite") == DEMO_SUITE:
        arguments.append("--alone")
    arguments += ["--datasets", _dataset(configuration), "--protocols", configuration["protocol"]]
    arguments += _draw(partition, configuration.get("train_draw", "partition"))
    arguments += ["--seeds", str(configuration["seed"])]
    if configuration.get("selection", "none") != "none":  # else the protocol leaves no choice
        arguments += ["--select", configuration["selection"]]
    trials = configuration.get("protocol_settings", {}).get("trials", 0)
    if trials:
        arguments += ["--trials", str(trials)]
    for setting, value in provenance.get("settings_set", {}).items():
        arguments += ["--set", f"{configuration['protocol']}.{setting}={json.dumps(value)}"]
    # What is left out is the default, or what runs of before the option were made with.
    if configuration.get("input_size") is not None:
        arguments += ["--input-size", str(configuration["input_size"])]
    if configuration.get("ignore_nodata"):
        arguments.append("--ignore-nodata")
    if "normalisation" in configuration:  # always told, as each backbone has a default of its own
        arguments += ["--normalisation", configuration["normalisation"]]
    if has_erratum(configuration["dataset"]):  # runs of before there were errata took the files' word
        arguments += ["--band-names", configuration.get("band_names", "stored")]
    for option, names in zip(("--train-bands", "--test-bands"), _bands(configuration), strict=False):
        arguments += [option, ",".join(names)]
    # Where no band was missing both fill nothing, and asking for `nearest` gives the same run.
    at_test = configuration.get("test_feed", {}).get("band_sources", ())
    zeros = None in (*configuration["band_sources"], *at_test)
    arguments += ["--missing-bands", "zero" if zeros else "nearest"]
    return shlex.join(["python", "-m", "harness", "run", *map(str, arguments)])


def places(run: Mapping[str, Any]) -> list[str]:
    """What the command leaves to whoever types it, as rows name no folder of anybody's: where weights and data lie.

    Args:
        run: the row of `runs`, with configuration and provenance taken apart.
    """
    told = []
    if weights := _weights_file(run["backbone"], run["configuration"], run["provenance"]):
        told.append(f"{weights} stands for your path to the weights with SHA-256 {run['weights_sha256'][:12]}")
    if run["suite"] not in SIMULATED:
        told.append(f"--geobench-dir says where {run['suite']} lies, unless $GEO_BENCH_DIR does")
    return told


def was_held(configuration: Mapping[str, Any]) -> bool:
    """Whether its backbone was a model that a Python program wrapped, which no command line can name."""
    return configuration.get("backbone_settings", {}).get("builder") == BUILDER


def software(provenance: Mapping[str, Any]) -> str:
    """What must be installed to get the same digits: the commit, if known, and the packages."""
    packages = " ".join(f"{name}=={version}" for name, version in (provenance.get("packages") or {}).items() if version)
    commit = provenance.get("git_commit")
    dirty = " with uncommitted changes, which are not stored" if provenance.get("git_dirty") else ""
    return f"{f'commit {commit}{dirty}; ' if commit else ''}Python {provenance.get('python')}; {packages}"


def _weights_file(backbone: str, configuration: Mapping[str, Any], provenance: Mapping[str, Any]) -> str | None:
    """The name of the file of weights; None where there is none, or of those that simulated suites take unless told."""
    file: str | None = provenance.get("weights_file")
    entry = BACKBONES.get(plain_name(backbone))
    shipped = entry.demo_weights if entry and configuration.get("suite") in SIMULATED else None
    return None if shipped is not None and file == shipped.name else file


def _dataset(configuration: Mapping[str, Any]) -> str:
    """The dataset's name; after its suite where that is one of two that have the name (`suites.discover`)."""
    suite, name = str(configuration.get("suite", "")), str(configuration["dataset"])
    return f"{suite}/{name}" if suite.count(":") > 1 else name


def _bands(configuration: Mapping[str, Any]) -> list[list[str]]:
    """Bands to train on and, where they differ, at test; neither where the run is fed all it reads."""
    sets = configuration.get("band_sets", {})
    return [sets[split] for split in (("train", "test") if configuration.get("test_feed") else ("train",)) if sets]


def _draw(partition: str, train_draw: str) -> list[str]:
    if is_few(partition):
        kind, _, size = partition.partition("=")
        return ["--shots", size, "--budgets", ""] if kind == "k" else ["--shots", "", "--budgets", size]
    return ["--partitions", partition, "--train-draw", train_draw]
