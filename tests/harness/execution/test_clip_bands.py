"""Runs of the backbone `clip`: which bands of a dataset feed it, and what it makes of other ones at test."""

import numpy as np
import pytest
import torch
from shifted_bands import SPLITS, entered, plan, write_data

from baselines.contrastive.files import ContrastiveSummary, save_model
from contrastive_models import MODALITIES, config, model
from harness.campaign.plan import State
from harness.execution.materials import build_material
from harness.protocols import find_protocol
from harness.records.labels import LabelKind

RADAR = model().width("sentinel2")


@pytest.fixture
def data(tmp_path):
    save_model(tmp_path / "clip", model().state_dict(), config(), ContrastiveSummary())
    return write_data(tmp_path)


def planned(data, embedding, **changes):
    backbone = f"clip?embedding={embedding}"
    return plan(data, "", backbones=[backbone], weights=[f"clip={data.parent / 'clip'}"], **changes)


def features(job, workbench, split="test"):
    protocol = find_protocol(job.run.protocol, LabelKind.SINGLE_LABEL)
    return build_material(job, workbench.partition(job.dataset, "default"), workbench, protocol).features(split)


@torch.inference_mode()
def shared(modality, band, channel):
    """Unit vectors of one band's test images, one number each."""
    values = [entered(sample, band) for sample in SPLITS["test"]]
    pixels = torch.tensor(values, dtype=torch.float32)[:, None, None, None].expand(-1, 1, 8, 8)
    return model().project(modality, model().pooled(modality, pixels, (channel,))).numpy()


def test_it_takes_the_bands_it_knows_and_the_row_says_which(data):
    (line,), _ = planned(data, "average")
    assert line.job.run.bands == ("02 - Blue", "03 - Green", "04 - Red", "VV")
    assert line.job.run.facts["name"] == ["B2", "B3", "B4", "VV"]
    assert line.job.run.backbone_settings["embedding"] == "average"


def test_it_is_tested_on_radar_alone_though_trained_on_light(data):
    lines, workbench = planned(data, "average", train_bands=[["B3"]], test_bands=[["VV"]])
    trained, shifted = (line.job for line in lines)
    np.testing.assert_allclose(features(trained, workbench), shared("sentinel2", "B3", "B3"), atol=1e-4)
    np.testing.assert_allclose(features(shifted, workbench), shared("sentinel1", "VV", "asc VV"), atol=1e-4)


def test_each_channel_and_modality_that_is_lost_is_a_run(data):
    lines, workbench = planned(data, "fused", drop_bands=["each"])
    assert [line.cell.bands.dropped for line in lines] == [None, "B2", "B3", "B4", "VV"]
    whole, *_, without = (features(line.job, workbench) for line in lines)
    assert whole[:, RADAR : 2 * RADAR].any()
    assert not without[:, RADAR : 2 * RADAR].any()
    # Not to the bit: where arrays lie in memory decides how some processors' products round.
    np.testing.assert_allclose(whole[:, :RADAR], without[:, :RADAR], atol=2e-6)


@pytest.mark.parametrize("embedding", ["coherence", "fused"])
def test_a_dataset_without_any_of_its_bands_is_skipped_with_the_reason(data, embedding):
    only = {"train_bands": [["B11"]]} if embedding == "fused" else {}
    lines, _ = planned(data, embedding, **only)
    assert lines[-1].state is State.SKIPPED
    assert "reads none of the bands of toy: " in lines[-1].reason


def test_weights_serve_every_embedding_that_is_wished_for(data):
    backbones = ["clip", "clip?embedding=average", *(f"clip?embedding={name}" for name in list(MODALITIES)[:2])]
    lines, _ = plan(data, "", backbones=backbones, weights=[str(data.parent / "clip")])
    assert [line.cell.backbone for line in lines] == backbones
    assert len({line.job.run_id for line in lines}) == 4
