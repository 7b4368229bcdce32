"""A whole label-efficiency curve, 7 partitions x 5 seeds with 40 strengths each, against the straightforward way.

2,000 / 1,000 / 1,000 images of 10 classes, 13 bands of 64 px; the backbone is an untrained ConvNeXt V2 atto. The
straightforward way is a loop over runs: read the images of the run with the official package, embed them with the same
network and batches as ours, standardise, fit scikit-learn's LogisticRegression from scratch for each strength and keep
the best on valid. Its steps are identical from image to image, so reading and embedding are timed on a sample and
multiplied; its fits are all done, for one seed, and multiplied by five. Ours is everything from the plan to rows in the
leaderboard with their intervals, (a) from nothing, with conversion and extraction, and (b) once features exist.

A curve from nothing cannot be more than 22 times faster where embedding costs most: that is how many images the loop
embeds for each one there is. The goal of 50 is for (b).
Run: pytest tests/benchmarks/bench_label_efficiency.py -s
"""

import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from baselines.inputs import Preparation
from harness.campaign.carry_out import run_campaign
from harness.campaign.plan import State, build_plan
from harness.campaign.request import make_request
from harness.data.dataset import normalisation
from harness.execution.workbench import Workbench
from harness.protocols.image.linear_probe import LinearProbeSettings
from harness.records.job import Places
from harness.records.progress import Silent
from leaderboards.query import run_query
from mp_mae.checkpoint import Checkpoint, TrainingSummary, save_checkpoint
from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig
from mp_mae.encoder import build_encoder

N_TRAIN, N_VALID, N_TEST, SIZE, N_CLASSES = 2_000, 1_000, 1_000, 64, 10
FRACTIONS = (0.01, 0.02, 0.05, 0.10, 0.20, 0.50, 1.00)
SEEDS = tuple(range(5))
SAMPLE = 128
"""Images on which reading and embedding of the straightforward way are timed."""
ROUNDS = 1
SETTINGS = LinearProbeSettings()
STRENGTHS = np.geomspace(SETTINGS.strongest, SETTINGS.weakest, SETTINGS.n_strengths)


@dataclass(frozen=True)
class Straightforward:
    seconds: float
    scores: dict[str, float]
    """By partition: test accuracy of seed 0."""


@pytest.fixture(scope="module")
def root(geobench, tmp_path_factory) -> Path:
    """Written by the official package's own classes. Classes differ in mean spectrum and texture, and overlap."""
    root = tmp_path_factory.mktemp("geobench")
    directory = root / "classification_v1.0" / "bench"
    directory.mkdir(parents=True)
    random, data = np.random.default_rng(0), geobench.dataset
    names = [f"id_{index:04d}" for index in range(N_TRAIN + N_VALID + N_TEST)]
    spectra = random.normal(3_000, 150, (N_CLASSES, 13, 1, 1))
    for index, name in enumerate(names):
        spectrum = spectra[index % N_CLASSES] + random.normal(0, 250, (13, 1, 1))
        pixels = (spectrum + random.normal(0, 300 + 10 * (index % N_CLASSES), (13, SIZE, SIZE))).astype(np.int16)
        bands = [data.Band(band, info, 10) for band, info in zip(pixels, data.sentinel2_13_bands, strict=True)]
        data.Sample(bands, label=index % N_CLASSES, sample_name=name).write(directory)
    train, valid, test = names[:N_TRAIN], names[N_TRAIN:-N_TEST], names[-N_TEST:]
    for name, size in {"default": N_TRAIN, **{f"{f:.2f}x_train": int(f * N_TRAIN) for f in FRACTIONS}}.items():
        data.Partition({"train": train[:size], "valid": valid, "test": test}).save(directory, name)
    geobench.task.TaskSpecifications(
        dataset_name="bench",
        bands_info=data.sentinel2_13_bands,
        spatial_resolution=10,
        patch_size=(SIZE, SIZE),
        label_type=geobench.label.Classification(N_CLASSES),
    ).save(directory)
    stats = {**dict.fromkeys(data.compute_stats([0.0, 1.0]).to_dict(), 1.0), "mean": 3_000.0, "std": 450.0}
    (directory / "band_stats.json").write_text(json.dumps({info.name: stats for info in data.sentinel2_13_bands}))
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """An untrained ConvNeXt V2 atto with 16 px patches; one for all seeds, unlike random_init."""
    config = EncoderConfig(size="atto", bands=MMEARTH_S2_BANDS, patch=16)
    torch.manual_seed(0)
    state = build_encoder(config).state_dict()
    folder = tmp_path_factory.mktemp("weights") / "untrained"
    save_checkpoint(Checkpoint(encoder=config, state=state, summary=TrainingSummary(source_layout="mp_mae")), folder)
    return folder


def request(root: Path, weights: Path, cache: Path, db: Path):
    return make_request(
        backbones=["mp_mae"],
        weights=[str(weights)],
        geobench_dir=root,
        datasets=(),
        protocols=("linear_probe",),
        partitions=[f"{fraction:.2f}x_train" for fraction in FRACTIONS],
        seeds=SEEDS,
        train_draw="seed",
        selection="valid",
        shots=(),
        budgets=(),
        missing_bands="error",
        db=db,
        cache_dir=cache,
        device="cpu",
    )


def measure_straightforward(geobench, root: Path, workbench: Workbench, jobs) -> Straightforward:
    """Seconds of the whole loop, and the scores of seed 0."""
    dataset = geobench.dataset.GeobenchDataset(root / "classification_v1.0" / "bench", split="train")
    start = time.perf_counter()
    images = np.stack([dataset[i].pack_to_3d(dataset.band_names)[0] for i in range(SAMPLE)]).transpose(0, 3, 1, 2)
    reading = (time.perf_counter() - start) / SAMPLE

    first = jobs[0]
    backbone = workbench.backbone(first.backbone, first.weights, first.run.seed)
    channels = [workbench.arrays(first.dataset).bands.index(band) for band in first.run.band_sources]
    norm = normalisation(workbench.dataset(first.dataset), first.run.band_sources)
    pixels = torch.from_numpy(images[:, channels].astype(np.float32))
    with torch.inference_mode():
        backbone(pixels[:8], norm_tensors(norm))
        start = time.perf_counter()
        backbone(pixels, norm_tensors(norm))
    embedding = (time.perf_counter() - start) / SAMPLE

    fitting, scores = 0.0, {}
    for job in (job for job in jobs if job.run.seed == 0):
        start = time.perf_counter()
        scores[job.run.partition] = fit_scikit_learn(workbench, job)
        fitting += time.perf_counter() - start
    n_images = sum(int(fraction * N_TRAIN) + N_VALID + N_TEST for fraction in FRACTIONS) * len(SEEDS)
    print(
        f"\nstraightforward: {n_images:,} images read at {1 / reading:.0f}/s and embedded at {1 / embedding:.0f}/s, "
        f"{len(SEEDS)} x {fitting:.1f} s of fits"
    )
    return Straightforward(n_images * (reading + embedding) + len(SEEDS) * fitting, scores)


def norm_tensors(norm):
    return Preparation(*map(torch.from_numpy, norm))


def fit_scikit_learn(workbench: Workbench, job) -> float:
    partition = workbench.drawn_partition(job.dataset, job.run.partition, job.run.train_draw, job.run.seed)
    arrays, features = workbench.arrays(job.dataset), workbench.features(job)
    rows = {split: arrays.rows(getattr(partition, split)) for split in ("train", "valid", "test")}
    scaler = StandardScaler().fit(features[rows["train"]].astype(np.float64))
    x = {split: scaler.transform(features[r]) for split, r in rows.items()}
    y = {split: arrays.labels[r] for split, r in rows.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        models = [LogisticRegression(C=c).fit(x["train"], y["train"]) for c in STRENGTHS]
    best = max(models, key=lambda model: model.score(x["valid"], y["valid"]))
    return best.score(x["test"], y["test"])


def test_a_label_efficiency_curve_is_50_times_faster(benchmark, geobench, root, weights, tmp_path):
    cache = tmp_path / "cache"
    start = time.perf_counter()
    cold = run_campaign(request(root, weights, cache, tmp_path / "cold.duckdb"), Silent())
    cold_seconds = time.perf_counter() - start
    assert {line.state for line in cold} == {State.NEW}

    databases = (tmp_path / f"warm{i}.duckdb" for i in range(ROUNDS))
    benchmark.pedantic(
        lambda asked: run_campaign(asked, Silent()),
        setup=lambda: ((request(root, weights, cache, next(databases)),), {}),
        rounds=ROUNDS,
    )
    warm_seconds = benchmark.stats.stats.median

    workbench = Workbench(Places(cache_dir=cache, device="cpu"), Silent())
    jobs = [line.job for line in build_plan(request(root, weights, cache, tmp_path / "x"), workbench, convert=True)]
    straight = measure_straightforward(geobench, root, workbench, jobs)
    rows = run_query(tmp_path / "cold.duckdb", "SELECT partition, value FROM leaderboard WHERE seed = 0").rows
    differences = {partition: value - straight.scores[partition] for partition, value in rows}
    print(
        f"ours from nothing {cold_seconds:.0f} s ({straight.seconds / cold_seconds:.0f} times faster), once features "
        f"exist {warm_seconds:.1f} s ({straight.seconds / warm_seconds:.0f} times), straightforward "
        f"{straight.seconds:,.0f} s; test accuracy by partition {dict(sorted(rows))}, minus scikit-learn's "
        f"{ {p: round(100 * d, 2) for p, d in sorted(differences.items())} } points"
    )
    assert straight.seconds >= 50 * warm_seconds
    assert abs(np.mean(list(differences.values()))) <= 0.005
