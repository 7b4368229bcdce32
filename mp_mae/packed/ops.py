"""The operations of the packed encoder for which PyTorch's own backward or forward is slow on CPUs.

Under autocast a CPU multiplies matrices in bf16, and convolves the input with it. All else stays float32 there: oneDNN
takes up to twelve times as long for depthwise convolutions in bf16 and for their gradients, PyTorch four times as long
for layer normalisation, and nothing is gained in exactness.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mp_mae.devices.precision import at_least_float32
from mp_mae.packed.layout import Windows

HAS_ONEDNN = torch.backends.mkldnn.is_available()
"""Asked once: torch.compile cannot look into the question, and would end a graph at each."""


def depthwise_conv(x: Tensor, weight: Tensor, bias: Tensor, windows: Windows) -> Tensor:
    """Depthwise convolution at packed sites, empty sites counting as zero: packed rows (N, C) -> (N, C).

    Args:
        weight: (C, 1, k, k), k odd; bias: (C,).
        windows: made for radius k // 2.
    """
    device = x.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.float32 if device == "cpu" else torch.get_autocast_dtype(device)
        x, weight, bias = x.to(dtype), weight.to(dtype), bias.to(dtype)
    with torch.autocast(device, enabled=False):
        out: Tensor = _DepthwiseConv.apply(x, weight, bias, windows)
    return out


def blockwise_conv(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A depthwise convolution whose stride is its kernel, (T, C, h, w) -> (T, C, h / k, w / k)."""
    if x.device.type != "cpu":
        out: Tensor = conv(x)
        return out
    with torch.autocast("cpu", enabled=False):
        return F.conv2d(exact_on_cpu(x), conv.weight, conv.bias, conv.stride, groups=conv.groups)


def exact_on_cpu(x: Tensor) -> Tensor:
    """What a product in bf16 gave, as float32 where the rest is computed in float32."""
    return at_least_float32(x) if x.device.type == "cpu" else x


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

    oneDNN computes a depthwise weight gradient about ten times slower than a depthwise convolution. On CPUs it is found
    in other ways, by whichever is the faster for the kind of windows.
    """
    if x.device.type == "cpu" and x.dtype == torch.float32 and HAS_ONEDNN:
        by = _gradient_by_products if windows.collect is None else _gradient_by_convolution
        return by(x, grad, windows).view_as(weight)
    images, outputs = read_windows(x, windows.reads), read_windows(grad, windows.outputs)
    padding = [windows.padding] * 2
    options = ([1, 1], padding, [1, 1], False, [0, 0], x.shape[1], [False, True, False])  # stride ... gradients wanted
    out = torch.ops.aten.convolution_backward(outputs, images, weight, None, *options)[1]
    return out


def _gradient_by_products(x: Tensor, grad: Tensor, windows: Windows) -> Tensor:
    """For windows around patches: one matrix product a channel, of all outputs of a patch with all it reads.

    Of the sums over windows that it gives, (outputs x reads) a channel, those a kernel's offset apart are added: three
    times as many operations as needed, done many times as fast.
    """
    side, reach = windows.outputs.shape[1], windows.reads.shape[1]
    k = reach - side + 1
    images = _read_planes(x, windows.reads).flatten(2)  # (C, T, reach * reach)
    outputs = grad.t().reshape(*images.shape[:2], side * side)  # which the packed rows are, in order
    pairs = outputs.mT @ images  # (C, side * side, reach * reach)
    of_channel, of_output, of_read = pairs.stride()
    apart = (reach * of_read, of_read)  # an offset of one row, of one column
    along = (side * of_output + apart[0], of_output + apart[1])  # an output and what it reads, both one farther
    return pairs.as_strided((len(pairs), side, side, k, k), (of_channel, *along, *apart)).sum((1, 2))


def _gradient_by_convolution(x: Tensor, grad: Tensor, windows: Windows) -> Tensor:
    """For windows of images: a depthwise convolution in which every channel of every window is a channel of its own,
    and its kernel is the gradient."""
    images = _read_planes(x, windows.reads).flatten(0, 1)  # (C * T, h, w)
    kernels = _read_planes(grad, windows.outputs).flatten(0, 1)
    out = F.conv2d(images[None], kernels[:, None], padding=windows.padding, groups=len(images))
    return out.view(x.shape[1], -1, *out.shape[2:]).sum(1)


def _read_planes(x: Tensor, reads: Tensor) -> Tensor:
    """What `read_windows` reads, but (C, T, h, w) and contiguous."""
    rows, channels = x.shape
    planes = x.new_zeros(channels, rows + 1)
    planes[:, :rows] = x.t()
    return planes.index_select(1, reads.flatten()).view(channels, *reads.shape)


def _with_empty_row(x: Tensor) -> Tensor:
    return torch.cat((x, x.new_zeros(1, x.shape[1])))


class _SiteNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        exact = at_least_float32(x)
        norm = (exact * exact).sum(1, keepdim=True).sqrt()
        ctx.save_for_backward(x, norm)
        return norm

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x, norm = ctx.saved_tensors
        scale = (grad / norm).masked_fill(norm == 0, 0)  # as torch's norm: no gradient at zero
        return x * scale.to(x.dtype)
