"""What `gpu.py` measures: each part returns lines of a table. Only the probe needs more than mp_mae's dependencies."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dense_opponent import dense_total
from generated_mmearth import write_mmearth
from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig
from mp_mae.data.files import open_mmearth
from mp_mae.data.loader import Loader, training_requests
from mp_mae.data.order import TrainingOrder
from mp_mae.encoder import build_encoder
from mp_mae.modalities import PRESETS, choose_modalities
from mp_mae.model import MPMAE
from mp_mae.model_config import ModelConfig
from pretraining_batch import random_batch

GIB = 2**30


@dataclass(frozen=True)
class Machine:
    """What is measured, and how much of it."""

    device: torch.device
    readers: int
    """Reading threads."""
    batch: int
    """Images that go through a model at once."""
    tiles: int
    """That are written to be read."""
    steps: int
    """That are timed together."""
    rounds: int
    """Of which the median counts."""

    def synchronise(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def seconds(self, work: Callable[[], object]) -> float:
        """Of one call, the device's part included."""
        self.synchronise()
        start = time.perf_counter()
        for _ in range(self.steps):
            work()
        self.synchronise()
        return (time.perf_counter() - start) / self.steps

    def alternate(self, *works: Callable[[], object]) -> list[float]:
        """Median seconds of each, taking turns."""
        for work in works:
            work()  # kernels are chosen, memory is taken
        rounds = [[self.seconds(work) for work in works] for _ in range(self.rounds)]
        return [statistics.median(of_one) for of_one in zip(*rounds, strict=True)]

    def peak_gib(self, work: Callable[[], object]) -> float:
        """Most memory of the GPU while `work` runs; NaN on a CPU."""
        if self.device.type != "cuda":
            return float("nan")
        torch.cuda.reset_peak_memory_stats(self.device)
        work()
        return torch.cuda.max_memory_allocated(self.device) / GIB

    def autocast(self, precision: str) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16")


@dataclass(frozen=True)
class Case:
    size: str
    patch: int

    @property
    def side(self) -> int:
        return 7 * self.patch

    @property
    def encoder(self) -> EncoderConfig:
        return EncoderConfig(self.size, MMEARTH_S2_BANDS, self.patch)

    def __str__(self) -> str:
        return f"{self.size}, {self.side} px, {self.patch} px patches"


Line = tuple[str, ...]


def training_step(machine: Machine, case: Case, precision: str) -> Iterator[Line]:
    """Forward, all losses, backward and AdamW on one batch, and the dense computation of the same."""

    def step_of(which: str) -> Callable[[], None]:
        torch.manual_seed(0)
        model = MPMAE(ModelConfig(encoder=case.encoder)).to(machine.device)
        x, targets, mask = random_batch(model.tasks, n=machine.batch, side=case.side, patch=case.patch)
        targets = {name: target.to(machine.device) for name, target in targets.items()}
        inputs = x.to(machine.device), targets, mask.to(machine.device)
        optimizer = _optimizer(model)

        def step() -> None:
            with machine.autocast(precision):
                total = model(*inputs).total if which == "ours" else dense_total(model, *inputs)
            _update(optimizer, total)

        return step

    ours, dense = step_of("ours"), step_of("dense")
    own, other = machine.alternate(ours, dense)
    own_peak, other_peak = machine.peak_gib(ours), machine.peak_gib(dense)
    yield (
        f"{case}, {precision}",
        f"{machine.batch / own:,.0f}",
        f"{machine.batch / other:,.0f}",
        f"{other / own:.2f}",
        _gib(own_peak),
        _gib(other_peak),
    )


def fed_training(machine: Machine, case: Case, precision: str) -> Iterator[Line]:
    """The same steps fed by the loader from a file of all modalities, and the loader without any step."""
    with tempfile.TemporaryDirectory() as folder:
        data = write_mmearth(Path(folder) / "tiles", n=machine.tiles, side=case.side * 8 // 7, missing=0.1)
        files = open_mmearth(data, choose_modalities(PRESETS["all"]))
        order = TrainingOrder(n=machine.tiles, global_batch=machine.batch, micro_batch=machine.batch, seed=0)
        loader = Loader(files, capacity=machine.batch, crop=case.side, device=machine.device, workers=machine.readers)
        model = MPMAE(ModelConfig(encoder=case.encoder)).to(machine.device)
        optimizer, generator = _optimizer(model), torch.Generator().manual_seed(0)
        steps = max(machine.steps, 2 * order.steps_per_epoch)

        def batches() -> Iterator[object]:
            rows = files.rows("train")
            return loader.batches(training_requests(files, rows, order, 0, steps, crop=case.side, turn=False))

        waited, moments = 0.0, []
        coming = batches()
        for _ in range(steps):
            asked = time.perf_counter()
            batch = next(coming)
            waited += time.perf_counter() - asked if moments else 0  # nothing is read ahead of the first
            drawn = model.draw(generator, machine.batch, case.side)
            with machine.autocast(precision):
                total = model(*model.inputs(batch.input, batch.targets, drawn)).total
            _update(optimizer, total)
            total.item()  # what a training logs each step
            moments.append(time.perf_counter())
        took = moments[-1] - moments[0]
        machine.synchronise()
        start = time.perf_counter()
        for batch in batches():
            assert batch.input.device.type == machine.device.type
        machine.synchronise()
        alone = steps * machine.batch / (time.perf_counter() - start)
        step_seconds = statistics.median(after - before for before, after in pairwise(moments))
        yield (
            f"{case}, {precision}",
            f"{machine.batch / step_seconds:,.0f}",
            f"{waited / took:.1%}",
            f"{alone:,.0f}",
            str(machine.readers),
        )


def extraction(machine: Machine, case: Case, precision: str) -> Iterator[Line]:
    """Frozen features of whole images, and a step of fine-tuning with a linear head of ten classes."""
    torch.manual_seed(0)
    encoder = build_encoder(case.encoder).to(machine.device)
    head = nn.Linear(encoder.num_features, 10).to(machine.device)
    tuned = nn.ModuleList([encoder, head])
    images = torch.randn(machine.batch, len(MMEARTH_S2_BANDS), case.side, case.side, device=machine.device)
    labels = torch.zeros(machine.batch, dtype=torch.int64, device=machine.device)
    optimizer = _optimizer(tuned)

    def features() -> Tensor:
        with machine.autocast(precision):
            pooled: Tensor = encoder.forward_head(encoder.forward_features(images), pre_logits=True)
        return pooled

    def extract() -> None:
        with torch.inference_mode():
            features()

    def tune() -> None:
        with machine.autocast(precision):
            loss = nn.functional.cross_entropy(head(features()), labels)
        _update(optimizer, loss)

    frozen, step = machine.alternate(extract, tune)
    yield f"{case}, {precision}", f"{machine.batch / frozen:,.0f}", f"{machine.batch / step:,.0f}"


def probe(machine: Machine) -> Iterator[Line]:
    """A path of 40 strengths by our solver, on the CPU, against scikit-learn's and cuML's fits of each strength."""
    from harness.solvers.logistic_links import Softmax
    from harness.solvers.logistic_path import regularisation_path

    n, width, classes = 20 * machine.tiles, 320 if machine.tiles > 100 else 8, 10
    random = np.random.default_rng(0)
    labels = np.arange(n) % classes
    features = random.standard_normal((n, width)) + 0.3 * random.standard_normal((classes, width))[labels]
    strengths = np.geomspace(1e-5, 1e2, 40).tolist()
    start = time.perf_counter()
    list(regularisation_path(features, Softmax(labels, classes), strengths))
    ours = time.perf_counter() - start
    yield "ours, CPU, proven within 1e-7 of the optima", f"{ours:.2f}", ""
    for name, library in (
        ("scikit-learn, CPU, default tolerance", "sklearn"),
        ("cuML, GPU, default tolerance", "cuml"),
    ):
        try:
            model = __import__(f"{library}.linear_model", fromlist=["LogisticRegression"]).LogisticRegression
        except ImportError:
            yield name, "not installed", ""
            continue
        model(C=1.0).fit(features, labels)
        start = time.perf_counter()
        for strength in strengths[::8]:
            model(C=strength).fit(features, labels)
        theirs = 8 * (time.perf_counter() - start)
        yield name, f"{theirs:.2f}", f"{theirs / ours:.1f} times"


def _optimizer(model: nn.Module) -> torch.optim.Optimizer:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(trained, lr=1e-4, betas=(0.9, 0.95), fused=True)


def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _gib(amount: float) -> str:
    return "" if np.isnan(amount) else f"{amount:.1f} GiB"
