"""Each protocol by one command, on nine patches and on a cut of the demo suite: it finishes, and again gives the same.

Whatever is entered in the tables of protocols is tested here. The patches have several labels each, or a mask; those of
the demo suite one label, or a mask. A published recipe that makes an update of hundreds of samples gets small windows
of patches, labelled by how green they are.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from baselines.table import BACKBONES
from command_line import harness
from generated_patches import COVERS, SCENES, draw_patches, optical_bands
from geobench_files import MASK_SUITE, SUITE, write_partition, write_sample, write_statistics, write_task
from harness.demo.build import ensure_demo_suite
from harness.demo.tasks import TASKS
from harness.protocols import PROTOCOL_NAMES, PROTOCOLS, find_protocol, trains_backbone
from harness.protocols.image.linear_probe_sgd import LinearProbeSgdSettings
from harness.records.labels import LabelKind
from harness.records.progress import Silent
from tiny_pretrained import ENTRY

PATCHES = {SCENES: LabelKind.MULTI_LABEL, COVERS: LabelKind.SEGMENTATION}
WINDOWS = {"windows": LabelKind.SINGLE_LABEL, COVERS: LabelKind.SEGMENTATION}
DEMO = {"demo-climate": LabelKind.SINGLE_LABEL, "demo-crops": LabelKind.SEGMENTATION}
SIZES = {
    "demo-climate": {"train": 32, "valid": 4, "test": 6},
    "demo-crops": {"train": 3, "valid": 2, "test": 2},
}


@pytest.fixture(scope="module")
def root(patches, tmp_path_factory):
    """All datasets in GEO-Bench's layout."""
    folder = tmp_path_factory.mktemp("datasets")
    tasks = [replace(TASKS[name], sizes=sizes) for name, sizes in SIZES.items()]
    ensure_demo_suite(folder, 0, Silent(), tasks=tasks, processes=1)
    for suite, name in ((SUITE, SCENES), (MASK_SUITE, COVERS)):
        (folder / suite).mkdir()
        (folder / suite / name).symlink_to(patches / suite / name)
    write_windows(folder / SUITE / "windows")
    return folder


def write_windows(directory, n_train=1_024, n_few=32, n_held=20):
    """Windows of patches; the class is how much more near infrared than red they reflect."""
    described, optical = optical_bands(), draw_patches(17).optical
    used = ("B3", "B4", "B8")
    bands, patches = [described[name] for name in used], np.stack([optical[name] for name in used], axis=1)
    windows = patches.reshape(len(patches), 3, 8, 8, 8, 8).transpose(0, 2, 4, 1, 3, 5).reshape(-1, 3, 8, 8)
    chosen = np.random.default_rng(0).permutation(windows)[: n_train + 2 * n_held]
    red, infrared = chosen[:, 1:].astype(float).mean(axis=(2, 3)).T
    labels = np.digitize((infrared - red) / (infrared + red), [0.1, 0.6])
    directory.mkdir()
    names = [f"id_{i:04}" for i in range(len(chosen))]
    for name, pixels, label in zip(names, chosen, labels.tolist(), strict=True):
        write_sample(directory, name, [(info, values, None) for info, values in zip(bands, pixels, strict=True)], label)
    write_task(directory, bands)
    write_statistics(directory, bands, mean=float(chosen.mean()), std=float(chosen.std()))
    splits = np.split(np.array(names), [n_train, n_train + n_held])
    train, valid, test = map(list, splits)
    write_partition(directory, "default", train=train, valid=valid, test=test)
    write_partition(directory, "0.02x_train", train=train[:n_few], valid=valid, test=test)


def run(root, datasets, partition, protocol, folder):
    """One command in a folder of its own, and what it stored."""
    folder.mkdir()
    printed = harness(
        "run", "--backbone", "tiny", "--geobench-dir", root, "--datasets", ",".join(datasets), "--protocols", protocol,
        "--partitions", partition, "--seeds", "3", "--shots", "1", "--budgets", "3", "--input-size", "8",
        "--cache-dir", folder / "cache", "--device", "cpu", cwd=folder,
    )  # fmt: skip
    assert printed.returncode == 0, printed.stderr
    query = "SELECT dataset, partition, seed, split, m.metric, value, ci_low FROM metrics m JOIN runs USING (run_id)"
    rows = harness("sql", f"{query} ORDER BY ALL", "--format", "json", cwd=folder)
    assert rows.returncode == 0, rows.stderr
    return printed, json.loads(rows.stdout)


def samples_per_update(protocol):
    """Train samples without which a published recipe refuses to start."""
    settings = PROTOCOLS[protocol].settings if protocol in PROTOCOLS else None
    return settings.batch_size * settings.accumulation if isinstance(settings, LinearProbeSgdSettings) else 1


def cases():
    """Hundreds of updates of a network take a while, so what trains one is slow; so is the demo suite."""
    for protocol in PROTOCOL_NAMES:
        wanted = samples_per_update(protocol)
        trains = trains_backbone(protocol)
        partition = "0.02x_train" if 1 < wanted <= 32 else "default"
        known = PATCHES if wanted == 1 else WINDOWS
        yield pytest.param(protocol, known, partition, id=f"{protocol}-patches", marks=[pytest.mark.slow] * trains)
        if wanted <= SIZES["demo-climate"]["train"]:  # the whole suite's 1,000 are too few for the largest, too
            yield pytest.param(protocol, DEMO, "default", id=f"{protocol}-demo", marks=pytest.mark.slow)


@pytest.mark.parametrize(("protocol", "datasets", "partition"), list(cases()))
def test_one_command_runs_what_it_takes_and_twice_gives_the_same(
    protocol, datasets, partition, root, tmp_path, monkeypatch
):
    monkeypatch.setitem(BACKBONES, "tiny", ENTRY)
    taken = {name for name, kind in datasets.items() if find_protocol(protocol, kind)}
    printed, rows = run(root, datasets, partition, protocol, tmp_path / "first")
    assert {row["dataset"] for row in rows} == taken
    assert {row["seed"] for row in rows} == {3}
    assert {row["split"] for row in rows} == {"valid", "test"}
    for name in datasets.keys() - taken:
        (skipped,) = [line for line in printed.stderr.splitlines() if line.startswith(f"skipped: {name}, tiny")]
        assert skipped.endswith(f": {protocol} does not take {datasets[name]} labels")
    assert run(root, datasets, partition, protocol, tmp_path / "second")[1] == rows
