"""Products in bf16 on a CPU: what else is computed stays float32, and a training loses what it loses in float32."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig
from mp_mae.data.crops import centre_crops
from mp_mae.data.files import open_mmearth
from mp_mae.data.loader import Loader, Request
from mp_mae.data.write import write_mmearth
from mp_mae.masking import draw_mask
from mp_mae.model import MPMAE
from mp_mae.model_config import ModelConfig
from mp_mae.packed.layout import PackedLayout
from mp_mae.packed.ops import depthwise_conv
from mp_mae.training.setup import parameter_groups
from pretraining_batch import random_batch

SLOW_IN_BF16 = ("native_layer_norm", "native_layer_norm_backward", "linalg_vector_norm", "mse_loss", "_log_softmax")
"""Operations that want float32, or come out inexact; and so do depthwise convolutions."""


class InBf16(TorchDispatchMode):
    """Names of the operations that read bf16."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if any(isinstance(arg, torch.Tensor) and arg.dtype == torch.bfloat16 for arg in args):
            grouped = func.overloadpacket is torch.ops.aten.convolution and args[8] > 1
            self.names.add("depthwise" if grouped else func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def test_only_products_read_bf16():
    torch.manual_seed(0)
    model = MPMAE(ModelConfig(encoder=EncoderConfig("demo", MMEARTH_S2_BANDS, 16), decoder_width=16))
    batch = random_batch(model.tasks, n=2, side=32, patch=16)
    exact = model(*batch).total
    with InBf16() as seen:
        with torch.autocast("cpu", torch.bfloat16):
            total = model(*batch).total
        total.backward()
    assert seen.names >= {"addmm", "mm", "bmm", "convolution"}
    assert not seen.names & {*SLOW_IN_BF16, "depthwise"}
    assert "convolution_backward" in seen.names  # of the first convolution alone
    torch.testing.assert_close(total, exact, rtol=1e-3, atol=0)
    assert total.dtype == torch.float32


@pytest.mark.parametrize("side", [1, 4, 8])
def test_gradients_of_a_kernel_in_float32_are_those_in_float64(side):
    generator = torch.Generator().manual_seed(side)
    layout = PackedLayout(draw_mask(generator, 3, 9, 0.5).visible, 3, 3)
    x = torch.randn(layout.visible.numel() * side**2, 5, generator=generator)
    grad = torch.randn(x.shape, generator=generator)

    def gradients(dtype):
        inputs = [x.to(dtype), torch.linspace(-1, 1, 5 * 49).view(5, 1, 7, 7).to(dtype), torch.zeros(5, dtype=dtype)]
        leaves = [tensor.requires_grad_() for tensor in inputs]
        return torch.autograd.grad(depthwise_conv(*leaves, layout.windows(side, 3)), leaves, grad.to(dtype))

    for found, wanted in zip(gradients(torch.float32), gradients(torch.float64), strict=True):
        torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))


def losses_of_training(data, size, crop, steps, dtype):
    """Total loss of each step of a training on all tiles of a file, by the paper's optimizer and masks of each step."""
    torch.manual_seed(0)
    model = MPMAE(ModelConfig(encoder=EncoderConfig(size, MMEARTH_S2_BANDS, 8), decoder_width=64))
    files = open_mmearth(data, model.tasks)
    loader = Loader(files, capacity=files.n_tiles, crop=crop, device=torch.device("cpu"))
    rows = np.arange(files.n_tiles)
    (batch,) = loader.batches([Request(rows, centre_crops(len(rows), files.side, crop))])
    optimizer = torch.optim.AdamW(parameter_groups(model, 0.05), betas=(0.9, 0.95), fused=True)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = optimizer.param_groups[1]["lr"] = 1.5e-4 * min(1, step / 10)
        mask = draw_mask(generator, len(rows), (crop // 8) ** 2, 0.6)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            total = model(batch.input, batch.targets, mask).total
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append(total.item())
    return np.array(losses)


@pytest.mark.slow
def test_fifty_steps_in_bf16_have_the_losses_of_float32(tmp_path):
    data = tmp_path / "tiles"
    write_mmearth(data, 0, 8)
    exact, rounded = (losses_of_training(data, "atto", 56, 50, dtype) for dtype in (torch.float32, torch.bfloat16))
    assert exact[-1] < 0.97 * exact[0], "something is learnt, or the test shows nothing"
    assert 0 < abs(rounded / exact - 1).max() < 1e-3
