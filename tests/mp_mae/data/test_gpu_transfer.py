"""Batches on a GPU are those on a CPU, and neither program nor GPU waits for a copy. Needs a GPU."""

import pytest
import torch

from generated_mmearth import write_mmearth
from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig
from mp_mae.data.files import open_mmearth
from mp_mae.data.loader import Loader, training_requests
from mp_mae.data.order import TrainingOrder
from mp_mae.devices.transfer import to_device, transfers
from mp_mae.masking import mask_from_noise
from mp_mae.modalities import PRESETS, choose_modalities
from mp_mae.model import MPMAE
from mp_mae.model_config import ModelConfig

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
CPU = torch.device("cpu")


def batches(data, device):
    files = open_mmearth(data, choose_modalities(PRESETS["all"]))
    order = TrainingOrder(n=files.n_tiles, global_batch=4, micro_batch=4, seed=0)
    requests = training_requests(files, files.rows("train"), order, 0, 9, crop=16, turn=True)
    return Loader(files, capacity=4, crop=16, device=device).batches(requests)


def test_on_a_cpu_the_buffer_itself_is_handed_on():
    values = torch.arange(4)
    (transfer,) = transfers(CPU, 1)
    assert transfer.start(values) is values
    assert to_device(values, CPU) is values
    assert not transfer.pinned


@needs_gpu
def test_batches_on_a_gpu_are_those_on_a_cpu(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=12, side=24, missing=0.2)
    for here, there in zip(batches(data, CPU), batches(data, torch.device("cuda")), strict=True):
        torch.testing.assert_close(there.input.cpu(), here.input, rtol=1e-6, atol=1e-6)
        for name, target in here.targets.items():
            torch.testing.assert_close(there.targets[name].cpu(), target, rtol=1e-6, atol=1e-6, equal_nan=True)


@needs_gpu
def test_masks_on_a_gpu_are_those_on_a_cpu():
    noise = torch.randn(64, 49, generator=torch.Generator().manual_seed(0))
    here, there = (mask_from_noise(to_device(noise, torch.device(kind)), 0.6) for kind in ("cpu", "cuda"))
    assert there.visible.cpu().equal(here.visible)
    assert there.removed.cpu().equal(here.removed)


@needs_gpu
def test_a_step_waits_for_nothing_until_its_sums_are_read(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=12, side=16)
    encoder = EncoderConfig("demo", MMEARTH_S2_BANDS, 8)
    model = MPMAE(ModelConfig(encoder=encoder, decoder_width=16)).cuda()
    coming = batches(data, torch.device("cuda"))
    drawn = model.draw(torch.Generator().manual_seed(0), 4, 16)
    for asks in ("default", "error"):  # the first time, libraries set themselves up
        torch.cuda.set_sync_debug_mode(asks)
        try:
            batch = next(coming)
            inputs = model.inputs(batch.input, batch.targets, drawn)
            model.counts(*inputs)
            with torch.autocast("cuda", torch.bfloat16):
                total = model(*inputs).total
            total.backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")
