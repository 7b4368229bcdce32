"""The two operations of the packed encoder for which PyTorch's own backward or forward is slow on CPUs."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mp_mae.packed.layout import Windows


def depthwise_conv(x: Tensor, weight: Tensor, bias: Tensor, windows: Windows) -> Tensor:
    """Depthwise convolution at packed sites, empty sites counting as zero: packed rows (N, C) -> (N, C).

    Args:
        weight: (C, 1, k, k), k odd; bias: (C,).
        windows: made for radius k // 2.
    """
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight, bias = x.to(dtype), weight.to(dtype), bias.to(dtype)
    out: Tensor = _DepthwiseConv.apply(x, weight, bias, windows)
    return out


def site_norm(x: Tensor) -> Tensor:
    """L2 norm over the sites, which global response normalisation starts from: (G, R, C) -> (G, 1, C).

    In float32 at least, also of half precision: a sum over thousands of sites loses what GRN compares otherwise.
    `torch.linalg.vector_norm` does not vectorise this reduction on CPUs, where it takes several times as long.
    """
    if x.device.type != "cpu":
        return torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
    out: Tensor = _SiteNorm.apply(x)
    return out


def read_windows(x: Tensor, reads: Tensor) -> Tensor:
    """Packed rows (N, C) seen through windows (T, h, w) -> (T, C, h, w), channels last in memory."""
    windows = _with_empty_row(x).index_select(0, reads.flatten())
    return windows.view(*reads.shape, -1).permute(0, 3, 1, 2)


class _DepthwiseConv(torch.autograd.Function):
    """A convolution from and to visible sites: its transpose is the same with the kernel turned by 180 degrees."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, windows: Windows) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.windows = windows
        return _convolve(x, weight, bias, windows)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        to_x, to_weight, to_bias, _ = ctx.needs_input_grad
        return (
            _convolve(grad, weight.flip(2, 3), None, ctx.windows) if to_x else None,
            _weight_gradient(x, grad, weight, ctx.windows) if to_weight else None,
            grad.sum(0) if to_bias else None,
            None,
        )


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, windows: Windows) -> Tensor:
    channels = x.shape[1]
    out = F.conv2d(read_windows(x, windows.reads), weight, bias, padding=windows.padding, groups=channels)
    rows = out.permute(0, 2, 3, 1).reshape(-1, channels)
    return rows if windows.collect is None else rows.index_select(0, windows.collect)


def _weight_gradient(x: Tensor, grad: Tensor, weight: Tensor, windows: Windows) -> Tensor:
    """The gradient of a kernel is the input correlated with the output's gradient, summed over windows.

    oneDNN computes a depthwise weight gradient about ten times slower than a depthwise convolution. So on CPUs the
    correlation is done by one: every channel of every window is a channel of its own, and its kernel is the gradient.
    """
    channels = x.shape[1]
    if x.device.type == "cpu" and x.dtype == torch.float32 and torch.backends.mkldnn.is_available():
        images, kernels = _read_planes(x, windows.reads), _read_planes(grad, windows.outputs)
        out = F.conv2d(images[None], kernels[:, None], padding=windows.padding, groups=len(images))
        return out.view(-1, *weight.shape).sum(0)
    images, outputs = read_windows(x, windows.reads), read_windows(grad, windows.outputs)
    padding = [windows.padding] * 2
    options = ([1, 1], padding, [1, 1], False, [0, 0], channels, [False, True, False])  # stride ... gradients wanted
    out = torch.ops.aten.convolution_backward(outputs, images, weight, None, *options)[1]
    return out


def _read_planes(x: Tensor, reads: Tensor) -> Tensor:
    """What `read_windows` reads, but (T * C, h, w) and contiguous.

    Gathering site by site first makes it the transpose of one matrix, for which PyTorch has a fast path.
    """
    height, width = reads.shape[1:]
    sites = _with_empty_row(x).index_select(0, reads.permute(1, 2, 0).flatten())
    return sites.view(height * width, -1).t().contiguous().view(-1, height, width)


def _with_empty_row(x: Tensor) -> Tensor:
    return torch.cat((x, x.new_zeros(1, x.shape[1])))


class _SiteNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        exact = x.to(torch.promote_types(x.dtype, torch.float32))
        norm = (exact * exact).sum(1, keepdim=True).sqrt()
        ctx.save_for_backward(x, norm)
        return norm

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x, norm = ctx.saved_tensors
        return (x * (grad / norm).masked_fill(norm == 0, 0)).to(x.dtype)  # as torch's norm: no gradient at zero
