"""Writes docs/scale.md, a simulation on paper of 21,000 runs on 1, 8 and 64 GPUs: python docs/make_scale.py

Measured here, on one core: how long a linear probe takes, and what networks compute and store for an image. Everything
about GPUs, disks and cores beside them is assumed, by options: there was none to measure. The grid is cut into tasks as
executors cut it, and each task goes to the GPU or core that is free first.
"""

import argparse
import heapq
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from baselines.bands import BandInfo
from baselines.registry import find_backbone
from harness.campaign.executors.tasks import PROBES_AT_ONCE
from harness.data.sources.geobench.published import ENTRIES
from harness.execution.costs import Costs, count_costs
from harness.protocols.image.linear_probe import LinearProbeSettings
from harness.protocols.masks.conv_probe import ConvProbeSettings, images_read
from harness.protocols.masks.linear_probe_masks import LinearProbeMasksSettings
from harness.records.run import Selection
from harness.solvers.logistic_links import Softmax
from harness.solvers.logistic_path import regularisation_path
from harness.training.recipe import MASK_DEFAULTS, FineTuneSettings, count_updates, effective_batch, evaluated_after
from mp_mae.data.threads import one_blas_thread

PAGE = Path(__file__).parent / "scale.md"
FRACTIONS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
SEEDS, PROTOCOLS, GPUS = 5, 5, (1, 8, 64)
N_FIT, WIDTH, N_CLASSES = 2_000, 320, 10
MASK_MS_AN_IMAGE = 8.0
"""Of predicting masks of seven classes, by docs/performance.md."""
CORE_FLOPS, HEAD_S = 2e10, 5.0
"""Assumed: products of a core, for k-NN; a head of `linear_probe_sgd` on a GPU."""
RUN_OVERHEAD_S = 0.05
"""Planning, handing over and committing a run: the goal of the grid tests."""


class Images(NamedTuple):
    """Of a dataset as GEO-Bench specifies it."""

    side_px: int
    n_classes: int
    bytes_per_pixel: int
    masks: bool = False


DATASETS = {
    "m-bigearthnet": Images(120, 43, 24),
    "m-so2sat": Images(32, 17, 72),
    "m-brick-kiln": Images(64, 2, 26),
    "m-forestnet": Images(332, 12, 6),
    "m-eurosat": Images(64, 10, 26),
    "m-pv4ger": Images(320, 2, 3),
    "m-pv4ger-seg": Images(320, 2, 4, masks=True),
    "m-chesapeake": Images(256, 7, 5, masks=True),
    "m-cashew-plant": Images(256, 7, 27, masks=True),
    "m-SA-crop-type": Images(256, 10, 27, masks=True),
    "m-nz-cattle": Images(500, 2, 4, masks=True),
    "m-NeonTree": Images(400, 2, 4, masks=True),
}
BACKBONES = {"random_init": 4, "timm:resnet50?random": 3, "timm:vit_base_patch16_224?random": 3}
"""Ten networks: how many compute and store as this one does. `random_init` is MP-MAE's encoder, atto with 8 px."""


@dataclass(frozen=True)
class Assumed:
    """Not measured."""

    embed_tflops: float
    train_tflops: float
    cores_per_gpu: int
    read_gb_s: float


@dataclass
class Total:
    """What a part of the grid takes."""

    gpu_s: float = 0.0
    core_s: float = 0.0
    runs: int = 0
    read_bytes: float = 0.0
    written_bytes: float = 0.0


class Work(NamedTuple):
    """A task: seconds of a GPU, then of cores in parts of so many seconds."""

    gpu_s: float
    core_parts_s: tuple[float, ...] = ()


def fit_seconds() -> float:
    """Of one core for a whole path of strengths."""
    random = np.random.default_rng(0)
    labels = random.integers(0, N_CLASSES, N_FIT)
    features = random.standard_normal((N_FIT, WIDTH)) + random.standard_normal((N_CLASSES, WIDTH))[labels] / 4
    features = (features - features.mean(0)) / features.std(0)
    settings = LinearProbeSettings()
    strengths = np.geomspace(settings.strongest, settings.weakest, settings.n_strengths).tolist()
    taken = []
    for _ in range(3):
        with one_blas_thread():
            started = time.process_time()
            for _fit in regularisation_path(features, Softmax(labels, N_CLASSES), strengths):
                pass
            taken.append(time.process_time() - started)
    return sorted(taken)[1]


@cache
def costs(backbone: str, side_px: int) -> Costs:
    """Of an image; a transformer of a fixed size is fed that one."""
    network = find_backbone(backbone).build(None, 0)
    bands = [BandInfo(name=band) for band in network.inputs.bands or ("red", "green", "blue")]
    side = 224 if "vit" in backbone else side_px
    return count_costs(network, bands, side, side)


def grid(fit_s: float, assumed: Assumed) -> tuple[list[Work], dict[str, Total]]:
    """Tasks in the order of the campaign, and what each protocol takes."""
    of = {name: Total() for name in ("embedding", "linear_probe", "knn", "linear_probe_sgd", "conv_probe", "fine_tune")}
    tasks: list[Work] = []
    for backbone, times in BACKBONES.items():
        for name, images in DATASETS.items():
            for _ in range(times):
                tasks += group(name, images, costs(backbone, images.side_px), fit_s, assumed, of)
    return tasks, of


def group(name: str, images: Images, cost: Costs, fit_s: float, assumed: Assumed, of: dict[str, Total]) -> list[Work]:
    """The tasks of one backbone on one dataset."""
    n_train, n_valid, n_test = ENTRIES[name].sizes
    n_images, read = n_train + n_valid + n_test, assumed.read_gb_s * 1e9
    stored = cost.pyramid_bytes if images.masks else cost.vector_bytes
    embed_s = n_images * cost.flops_per_image / (assumed.embed_tflops * 1e12)
    image_bytes = images.bytes_per_pixel * images.side_px**2
    add(of["embedding"], 1, gpu_s=embed_s, read=n_images * image_bytes, written=n_images * stored)
    width = cost.vector_bytes / 4
    fit_one = fit_s / N_FIT * images.n_classes / N_CLASSES * width / WIDTH
    probes: list[float] = []
    trained: list[Work] = []
    for n in (max(1, round(fraction * n_train)) for fraction in FRACTIONS):
        if images.masks:
            pixels = min(LinearProbeMasksSettings().max_pixels, 256 * n)
            seconds = fit_one * pixels + (n_valid + n_test) * MASK_MS_AN_IMAGE / 1e3
            probes += [seconds] * SEEDS
            add(of["linear_probe"], SEEDS, core_s=seconds, read=(n + n_valid + n_test) * stored)
            n_read = images_read(ConvProbeSettings(), Selection.VALID, n, n_valid, n_test, stored)
            trained += [Work(n_read * stored / read)] * SEEDS
            add(of["conv_probe"], SEEDS, gpu_s=n_read * stored / read, read=n_read * stored)
            settings = MASK_DEFAULTS
        else:
            seconds, near = fit_one * n, 2 * n * (n_valid + n_test) * width / CORE_FLOPS
            probes += [seconds, near] * SEEDS
            add(of["linear_probe"], SEEDS, core_s=seconds, read=n_images * stored)
            add(of["knn"], SEEDS, core_s=near, read=n_images * stored)
            head_s = HEAD_S
            trained += [Work(head_s)] * SEEDS
            add(of["linear_probe_sgd"], SEEDS, gpu_s=head_s, read=n_images * stored)
            settings = FineTuneSettings()
        updates = count_updates(n, settings)
        looks = len(evaluated_after(updates, settings))
        flops = (3 * updates * effective_batch(n, settings) + looks * n_valid + n_test) * cost.flops_per_image
        seconds = flops / (assumed.train_tflops * 1e12)
        trained += [Work(seconds)] * SEEDS
        add(of["fine_tune"], SEEDS, gpu_s=seconds, read=(n + n_valid + n_test) * image_bytes)
    parts = [probes[start : start + PROBES_AT_ONCE] for start in range(0, len(probes), PROBES_AT_ONCE)]
    return [Work(embed_s, tuple(sum(part) + RUN_OVERHEAD_S * len(part) for part in parts)), *trained]


def add(
    total: Total, times: int, *, gpu_s: float = 0.0, core_s: float = 0.0, read: float = 0.0, written: float = 0.0
) -> None:
    """So many times the same. An embedding is no run."""
    total.runs += times
    total.gpu_s += times * gpu_s
    total.core_s += times * core_s
    total.read_bytes += times * read
    total.written_bytes += times * written


def simulate(tasks: list[Work], n_gpus: int, n_cores: int) -> float:
    """Seconds until all is done, each task by what is free first."""
    gpus, cores, end = [0.0] * n_gpus, [0.0] * n_cores, 0.0
    for task in tasks:
        done = heapq.heappop(gpus) + task.gpu_s
        heapq.heappush(gpus, done)
        end = max(end, done)
        for seconds in task.core_parts_s:
            free = max(heapq.heappop(cores), done) + seconds
            heapq.heappush(cores, free)
            end = max(end, free)
    return end


def page(assumed: Assumed) -> str:
    """The whole of docs/scale.md."""
    fit_s = fit_seconds()
    tasks, of = grid(fit_s, assumed)
    lines = len(DATASETS) * len(FRACTIONS) * sum(BACKBONES.values()) * PROTOCOLS * SEEDS
    runs = sum(total.runs for name, total in of.items() if name != "embedding")
    read = sum(total.read_bytes for total in of.values())
    kept = of["embedding"].written_bytes
    measured = [
        f"- a linear probe of {N_FIT:,} x {WIDTH} features and {N_CLASSES} classes, all strengths: {fit_s:.2f} s of "
        "one core; others in proportion to samples, features and classes",
        *(told(name) for name in BACKBONES),
        f"- predicting masks: {MASK_MS_AN_IMAGE:g} ms an image ([performance.md](performance.md))",
    ]
    by_protocol = [
        f"| {name} | {total.runs:,} | {total.gpu_s / 3600:,.1f} | {total.core_s / 3600:,.1f} | "
        f"{total.read_bytes / 1e12:,.2f} |"
        for name, total in of.items()
    ]
    by_gpus = []
    for n_gpus in GPUS:
        n_cores = n_gpus * assumed.cores_per_gpu
        seconds = simulate(tasks, n_gpus, n_cores)
        gpu_share = sum(total.gpu_s for total in of.values()) / seconds / n_gpus
        core_share = sum(total.core_s for total in of.values()) / seconds / n_cores
        by_gpus.append(
            f"| {n_gpus} | {seconds / 3600:,.1f} | {gpu_share:.0%} | {core_share:.0%} | {read / seconds / 1e9:,.2f} |"
        )
    return TEXT.format(
        lines=lines,
        runs=runs,
        measured="\n".join(measured),
        assumed=assumed,
        by_protocol="\n".join(by_protocol),
        by_gpus="\n".join(by_gpus),
        kept_tb=kept / 1e12,
        arrays_gb=sum(array_bytes(name) for name in DATASETS) / 1e9,
        longest_min=max(task.gpu_s for task in tasks) / 60,
    )


def told(name: str) -> str:
    """What a network computes and stores."""
    cost = costs(name, 256)
    return (
        f"- `{name}`, an image of 256 px (a transformer is fed 224): {cost.flops_per_image / 1e9:.1f} GFLOP, "
        f"{cost.pyramid_bytes / 1e6:.2f} MB of maps, {cost.vector_bytes / 1e3:.1f} kB of vector"
    )


def array_bytes(name: str) -> int:
    """Of a dataset's pixels, and masks if it has any."""
    images = DATASETS[name]
    return sum(ENTRIES[name].sizes) * images.side_px**2 * images.bytes_per_pixel


TEXT = """# A grid of 21,000 runs, on paper

`python docs/make_scale.py` wrote this page: a simulation, of which only what stands under *Measured* was measured. No
grid of this size was run, and no GPU was there.

12 datasets of GEO-Bench x 7 partitions x 10 backbones x 5 protocols (linear_probe, knn, linear_probe_sgd, conv_probe,
fine_tune) x 5 seeds are {lines:,} lines of a plan. Four of the protocols take labels of images and three take masks:
{runs:,} of the lines are runs.

**Measured**, on one core of a busy machine:

{measured}

**Assumed, not measured**: a GPU embeds at {assumed.embed_tflops:g} TFLOP/s and trains at {assumed.train_tflops:g};
{assumed.cores_per_gpu} cores beside each; a disk or network that gives a process {assumed.read_gb_s:g} GB/s, which is
what `conv_probe` waits for; 5 s for a head of `linear_probe_sgd`; 20 GFLOP/s of a core for k-NN; reading ahead hides
all other reading. Options change the first four.

| | runs | hours of one GPU | hours of one core | read, TB |
| --- | ---: | ---: | ---: | ---: |
{by_protocol}

(`embedding`: once for each of 120 groups, which are no runs.)

| GPUs | hours | GPUs busy | cores busy | read, GB/s on average |
| ---: | ---: | ---: | ---: | ---: |
{by_gpus}

**Disk.** Features of all groups: {kept_tb:.2f} TB if everything is kept, nearly all of it pyramids of masks;
`--cache-limit` keeps what is in use ([caches.md](caches.md)). Arrays of the twelve datasets: {arrays_gb:.0f} GB.

**Network.** Nodes read arrays and features from the file system that they share; what goes through Ray are jobs and
records, kilobytes each. The last column is what that file system has to give to all nodes together.

**What bounds it.** The longest task on a GPU takes {longest_min:.0f} minutes; no number of GPUs does it faster, for
runs are never cut.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--embed-tflops", type=float, default=10.0, help="of a GPU, single precision")
    parser.add_argument("--train-tflops", type=float, default=40.0, help="of a GPU, bf16")
    parser.add_argument("--cores-per-gpu", type=int, default=8)
    parser.add_argument("--read-gb-s", type=float, default=2.0, help="of a process that reads features")
    PAGE.write_text(page(Assumed(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
