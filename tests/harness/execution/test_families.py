"""Every family of networks goes through every way to use a backbone, and only fine-tuning changes any of it."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import timm
import torch

from baselines.bands import BandInfo
from baselines.table import BACKBONES
from families import BANDS, ENTRIES, SIDE, build
from geobench_files import (
    BLUE,
    RED,
    SUITE,
    write_mask_dataset,
    write_measured_statistics,
    write_partition,
    write_sample,
    write_task,
)
from harness.campaign.plan import build_plan
from harness.campaign.request import make_request
from harness.execution.execute import execute
from harness.execution.workbench import Workbench
from harness.records.identity import identity
from harness.records.job import Places
from harness.records.labels import LabelKind
from harness.records.progress import Silent
from harness.training.devices import Devices
from harness.training.fine_tuning import Training
from harness.training.predict import predict_split
from harness.training.recipe import FineTuneSettings
from toy_images import ToyImages

QUICK = {"epochs": 1, "min_updates": 2, "batch_size": 4, "evaluations": 1}
FROZEN = {"tones": ("linear_probe", "knn"), "fields": ("conv_probe",)}
TRAINED = {"tones": ("fine_tune",), "fields": ("fine_tune",)}


def draw(n, seed=0):
    """Images of three kinds, each brighter in red than the last, and masks of what is bright."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    pixels = rng.normal(1000 + 400 * labels[:, None, None, None] * [[[0]], [[1]]], 150, (n, 2, SIDE, SIDE))
    return pixels.astype(np.uint16), labels, (pixels[:, 1] > 1400).astype(np.uint8)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A dataset of one label an image and one of masks, in GEO-Bench's layout."""
    folder = tmp_path_factory.mktemp("families")
    pixels, labels, masks = draw(24)
    directory = folder / "data" / SUITE / "tones"
    directory.mkdir(parents=True)
    names = [f"id_{i:02}" for i in range(24)]
    for name, image, label in zip(names, pixels, labels.tolist(), strict=True):
        write_sample(directory, name, [(BLUE, image[0], None), (RED, image[1], None)], label=label)
    write_task(directory, [BLUE, RED])
    write_measured_statistics(directory, pixels, [BLUE, RED])
    write_partition(directory, "default", train=names[:12], valid=names[12:18], test=names[18:])
    splits = {"train": slice(0, 8), "valid": slice(8, 11), "test": slice(11, 14)}
    arrays = {split: {"pixels": pixels[rows], "masks": masks[rows]} for split, rows in splits.items()}
    write_mask_dataset(folder / "data", arrays, [BLUE, RED], ["dark", "bright"])
    return folder


def jobs(root, bench, family, protocols, weights=()):
    """The family's runs by these protocols of each dataset, with settings that need no patience."""
    for dataset, names in protocols.items():
        asked = make_request(
            backbones=[family], weights=list(weights), geobench_dir=root / "data", datasets=(dataset,),
            protocols=list(names), partitions=("default",), seeds=[0], train_draw="partition", selection="valid",
            trials=0, shots=[], budgets=[], missing_bands="error", db=root / "board.duckdb",
            cache_dir=root / "cache", device="cpu",
        )  # fmt: skip
        for line in build_plan(asked, bench, convert=True):
            assert line.job, f"{dataset}, {line.protocol}: {line}"
            settings = dict(line.job.run.protocol_settings)
            run = replace(line.job.run, protocol_settings=settings | {k: v for k, v in QUICK.items() if k in settings})
            yield replace(line.job, run=run, run_id=identity(run))


def run_all(root, family, protocols):
    bench = Workbench(Places(cache_dir=root / "cache", device="cpu"), Silent())
    before = {name: tensor.clone() for name, tensor in build(None, 0, family=family).state_dict().items()}
    records = [execute(job, bench) for job in jobs(root, bench, family, protocols)]
    after = bench.backbone(family, None, 0).state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items()), "the shared backbone changed"
    return records


def check(records, protocols):
    assert [(r.run.dataset, r.run.protocol) for r in records] == [
        (d, p) for d, names in protocols.items() for p in names
    ]
    for record in records:
        assert {row.split for row in record.metrics} == {"valid", "test"}
        known = [row.value for row in record.metrics if row.value is not None]
        assert known
        assert all(map(math.isfinite, known))


@pytest.mark.parametrize("family", ENTRIES)
def test_frozen_protocols_score_each_family_and_leave_it_as_it_was(family, root, monkeypatch):
    monkeypatch.setitem(BACKBONES, family, ENTRIES[family])
    records = run_all(root, family, FROZEN)
    check(records, FROZEN)
    scores = {r.run.protocol: {(m.split, m.metric): m.value for m in r.metrics} for r in records}
    assert scores["knn"]["test", "accuracy"] > 0.6, "three kinds that brightness tells apart"


@pytest.mark.parametrize("family", ENTRIES)
def test_fine_tuning_scores_each_family_and_leaves_the_shared_backbone_as_it_was(family, root, monkeypatch):
    monkeypatch.setitem(BACKBONES, family, ENTRIES[family])
    check(run_all(root, family, TRAINED), TRAINED)


class Images(ToyImages):
    """Tells of each band where it is in the spectrum."""

    def preparation(self, split):
        bands = (BandInfo(name="B2", wavelength_um=0.49), BandInfo(name="B4", wavelength_um=0.665))
        return super().preparation(split)._replace(bands=bands)


@pytest.mark.parametrize("family", ENTRIES)
def test_fine_tuning_moves_weights_and_no_statistics_and_one_image_is_a_batch(family):
    pixels, labels, _ = draw(24)
    scaled = ((pixels - 1200.0) / 400).astype(np.float32)
    parts = {"train": slice(0, 16), "valid": slice(16, 20), "test": slice(20, 24)}
    material = Images(
        LabelKind.SINGLE_LABEL, 3, {split: scaled[rows] for split, rows in parts.items()},
        {split: labels[rows] for split, rows in parts.items()}, make_backbone=partial(build, None, 0, family=family),
    )  # fmt: skip
    training = Training(material, FineTuneSettings(**QUICK | {"rate": 1e-2}), 0, Devices("cpu"))
    list(training.run())
    before, trained = build(None, 0, family=family), training.network.backbone
    after = trained.state_dict()
    moved = [name for name, weight in before.named_parameters() if not torch.equal(weight, after[name])]
    assert len(moved) > len(list(before.named_parameters())) / 2
    for name, buffer in before.named_buffers():
        assert torch.equal(buffer, dict(trained.named_buffers())[name]), name
    together = predict_split(training, "test")
    training.portions.largest = 1
    np.testing.assert_allclose(predict_split(training, "test"), together, atol=1e-4)


def test_each_family_is_what_it_is_said_to_be():
    built = {family: build(None, 0, family=family) for family in ENTRIES}
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in built["resnet"].modules())
    assert built["vit"].model.cls_token is not None
    assert built["dino"].model.num_prefix_tokens == 5
    assert [level.stride for level in built["swin"].pyramid] == [2, 4]
    assert built["wavelengths"].inputs.uses
    assert all(backbone.pyramid and backbone.inputs.bands == BANDS for backbone in built.values())


def test_a_row_says_which_of_the_weights_in_a_file_it_is_of(root, tmp_path):
    sets = {}
    for seed, name in enumerate(("model", "model_ema")):
        torch.manual_seed(seed)
        sets[name] = timm.create_model("test_resnet", num_classes=10).state_dict()
    torch.save(sets, tmp_path / "w.pth")
    bench = Workbench(Places(cache_dir=root / "cache", device="cpu"), Silent())
    rows = {}
    for name in sets:
        weights = [f"{tmp_path / 'w.pth'}#{name}"]
        (job,) = jobs(root, bench, "timm:test_resnet?bands=B2,B4", {"tones": ("knn",)}, weights)
        rows[name] = execute(job, bench).run
        assert rows[name].provenance["weights_file"] == f"w.pth#{name}"
        assert rows[name].provenance["weights"] == f"timm test_resnet, w.pth#{name}"
    assert rows["model"].weights_sha256 != rows["model_ema"].weights_sha256
