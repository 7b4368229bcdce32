"""Each protocol by one command, on real pixels and on a cut of the demo suite: it finishes, and again gives the same.

Whatever is entered in the tables of protocols is tested here. The real pixels are BigEarthNet patches with several
labels each and PASTIS patches with a mask; the simulated ones have one label, or a mask. A published recipe that makes
an update of hundreds of samples gets small windows of the BigEarthNet patches, labelled by how green they are.
"""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from baselines.table import BACKBONES
from command_line import GEOBENCH, harness
from geobench_files import RED, SUITE, band, write_partition, write_sample, write_statistics, write_task
from harness.data.demo.build import ensure_demo_suite
from harness.data.demo.tasks import TASKS
from harness.progress import Silent
from harness.protocols import PROTOCOL_NAMES, PROTOCOLS, find_protocol, trains_backbone
from harness.protocols.linear_probe_sgd import LinearProbeSgdSettings
from harness.records import LabelKind
from tiny_pretrained import ENTRY

REAL = {"benv2-mini": LabelKind.MULTI_LABEL, "pastis-mini": LabelKind.SEGMENTATION}
WINDOWS = {"windows": LabelKind.SINGLE_LABEL, "pastis-mini": LabelKind.SEGMENTATION}
DEMO = {"demo-climate": LabelKind.SINGLE_LABEL, "demo-crops": LabelKind.SEGMENTATION}
SIZES = {
    "demo-climate": {"train": 32, "valid": 4, "test": 6},
    "demo-crops": {"train": 3, "valid": 2, "test": 2},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Real and simulated datasets in GEO-Bench's layout."""
    folder = tmp_path_factory.mktemp("datasets")
    tasks = [replace(TASKS[name], sizes=sizes) for name, sizes in SIZES.items()]
    ensure_demo_suite(folder, 0, Silent(), tasks=tasks, processes=1)
    for fixture in ("classification_v1.0/benv2-mini", "segmentation_v1.0/pastis-mini"):
        (folder / fixture).parent.mkdir()
        (folder / fixture).symlink_to(GEOBENCH / fixture)
    write_windows(folder / SUITE / "windows")
    return folder


def write_windows(directory, n_train=1_024, n_few=32, n_held=20):
    """Windows of the BigEarthNet patches; the class is how much more near infrared than red they reflect."""
    bands = [band("03 - Green", alt_names=("3", "03", "green"), wavelength=0.56), RED]
    bands.append(band("08 - NIR", alt_names=("8", "08", "nir"), wavelength=0.842))
    windows = []
    for path in sorted((GEOBENCH / SUITE / "benv2-mini").glob("*.hdf5")):
        with h5py.File(path) as file:
            patch = np.stack([file[info.name][:] for info in bands])  # (3, 120, 120)
        windows += [row for rows in np.split(patch, 15, axis=1) for row in np.split(rows, 15, axis=2)]
    chosen = np.random.default_rng(0).permutation(np.stack(windows))[: n_train + 2 * n_held]
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
    """Hundreds of updates of a network take a while, so what trains one meets the simulated pixels less often."""
    for protocol in PROTOCOL_NAMES:
        wanted = samples_per_update(protocol)
        trains = trains_backbone(protocol)
        real, partition = (REAL, "default") if wanted == 1 else (WINDOWS, "0.02x_train" if wanted <= 32 else "default")
        yield pytest.param(protocol, real, partition, id=f"{protocol}-real")
        if wanted <= SIZES["demo-climate"]["train"]:  # the whole suite's 1,000 are too few for the largest, too
            yield pytest.param(protocol, DEMO, "default", id=f"{protocol}-demo", marks=[pytest.mark.slow] * trains)


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
        assert f"{name}, tiny: {protocol} does not take {datasets[name]} labels" in printed.stderr
    assert run(root, datasets, partition, protocol, tmp_path / "second")[1] == rows
