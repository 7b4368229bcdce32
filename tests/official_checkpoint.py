"""Write a checkpoint in the MMEarth project's layout, its weights seeded random numbers.

They equal the golden files bit for bit, so that features computed from them have known values. Usage:

    python tests/official_checkpoint.py OUT.pth --geometry 56_8
"""

import argparse
import pathlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import torch

PATCHES = {"56_8": 8, "112_16": 16}
DEPTHS, WIDTHS, DECODER_WIDTH = (2, 2, 6, 2), (40, 80, 160, 320), 512  # "atto"
BANDS = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8A", "B8", "B9", "B11", "B12"]
PIXEL_CHANNELS = {  # output channels of a pixel of each modality
    "sentinel2": 12, "sentinel1": 8, "aster": 2, "dynamic_world": 9, "canopy_height_eth": 2, "esa_worldcover": 11,
}  # fmt: skip
IMAGE_CHANNELS = {"era5": 12, "lat": 2, "lon": 2, "biome": 14, "eco_region": 846, "month": 2}
MODALITIES = [
    "sentinel2", "sentinel1", "aster", "era5", "dynamic_world", "canopy_height_eth",
    "lat", "lon", "biome", "eco_region", "month", "esa_worldcover",
]  # fmt: skip

Drawn = tuple[str, tuple[int, ...]]


def checkpoint_content(geometry: str) -> dict[str, Any]:
    """What the .pth file of one geometry holds. 112_16 leaves out decoder and prediction heads, as its golden file."""
    patch = PATCHES[geometry]
    outputs = {name: BANDS if name == "sentinel2" else "all" for name in MODALITIES}
    args = argparse.Namespace(
        model="convnextv2_atto", input_size=7 * patch, patch_size=patch, use_orig_stem=False, device="cuda",
        batch_size=256, update_freq=16, epochs=200, warmup_epochs=40, lr=2.4e-3, blr=1.5e-4, weight_decay=0.05,
        mask_ratio=0.6, norm_pix_loss=True, loss_aggr="uncertainty", decoder_depth=1, decoder_embed_dim=DECODER_WIDTH,
        data_dir=pathlib.PosixPath("data_1M_v001"), processed_dir=None, random_crop=True, seed=0,
        inp_modalities={"sentinel2": BANDS}, out_modalities=outputs,
    )  # fmt: skip
    model = model_tensors(geometry)
    scaler = {"scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000}
    state = {0: {"step": torch.tensor(1.0), "exp_avg": torch.zeros(12), "exp_avg_sq": torch.zeros(12)}}
    optimizer = {"state": state, "param_groups": [{"weight_decay": 0.0, "lr": 1e-9, "params": [0]}]}
    return {"model": model, "optimizer": optimizer, "epoch": 199, "scaler": scaler, "args": args}


def imagenet_content() -> dict[str, Any]:
    """What the MMEarth project's ImageNet checkpoint holds: ConvNeXt's own stem, 4 x 4 pixels of three colours."""
    content = checkpoint_content("112_16")
    ours = ("encoder.initial_conv.", "encoder.stem.")
    model = OrderedDict((name, tensor) for name, tensor in content["model"].items() if not name.startswith(ours))
    rng = np.random.default_rng(22432)
    for name, shape in (
        *_kernel_and_bias("encoder.stem_orig.0", (WIDTHS[0], 3, 4, 4)),
        *_weight_and_bias("encoder.stem_orig.1.ln", (WIDTHS[0],)),
    ):
        model[name] = _tensor(name, _draw(rng, name, shape))
    args = argparse.Namespace(
        model="convnextv2_atto", input_size=224, patch_size=32, use_orig_stem=True, epochs=200, mask_ratio=0.6,
        data_dir=pathlib.PosixPath("imagenet"),
    )  # fmt: skip
    return {**content, "model": model, "args": args}


def write_checkpoint(path: pathlib.Path, content: dict[str, Any]) -> pathlib.Path:
    """Save like a training run on a GPU: every tensor is tagged for the first CUDA device."""
    with mock.patch.object(torch.serialization, "location_tag", return_value="cuda:0"):
        torch.save(content, path)
    return path


def write_official_checkpoint(path: pathlib.Path, geometry: str) -> pathlib.Path:
    """The official-layout file of one geometry, "56_8" or "112_16"; returns its path."""
    return write_checkpoint(path, checkpoint_content(geometry))


def model_tensors(geometry: str) -> OrderedDict[str, torch.Tensor]:
    """The `model` entry: random tensors in the file's names, order and layout; tied decoders share their storage."""
    patch = PATCHES[geometry]
    rng = np.random.default_rng({"56_8": 5608, "112_16": 11216}[geometry])
    drawn = {name: _tensor(name, _draw(rng, name, shape)) for name, shape in _stream(patch)}
    model = OrderedDict((name, drawn[name]) for name in _file_order(drawn))
    model._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]  # as state_dict() leaves it
    if geometry == "112_16":
        for name in [name for name in model if name.startswith(("decoder_dict.", "pred_dict."))]:
            del model[name]
    return model


def _stream(patch: int) -> Iterator[Drawn]:
    """Name and dense shape of everything that was drawn, in order."""
    yield "mask_token", (1, DECODER_WIDTH, 1, 1)
    yield "loss_fn.log_vars", (len(MODALITIES),)
    for i in range(3):
        yield from _weight_and_bias(f"encoder.downsample_layers.{i}.0.ln", (WIDTHS[i],))
        yield from _kernel_and_bias(f"encoder.downsample_layers.{i}.1", (WIDTHS[i + 1], WIDTHS[i], 2, 2))
    yield from _kernel_and_bias("encoder.initial_conv.0", (WIDTHS[0], len(BANDS), 3, 3))
    yield from _weight_and_bias("encoder.initial_conv.1.ln", (WIDTHS[0],))
    yield from _kernel_and_bias("encoder.stem.0", (WIDTHS[0], 1, patch // 8, patch // 8))
    yield from _weight_and_bias("encoder.stem.1.ln", (WIDTHS[0],))
    for stage, (depth, width) in enumerate(zip(DEPTHS, WIDTHS, strict=True)):
        for block in range(depth):
            name = f"encoder.stages.{stage}.{block}"
            yield from _kernel_and_bias(f"{name}.dwconv", (width, 1, 7, 7))
            yield from _weight_and_bias(f"{name}.norm.ln", (width,))
            yield from _weight_and_bias(f"{name}.pwconv1.linear", (4 * width, width))
            yield f"{name}.grn.gamma", (1, 4 * width)
            yield f"{name}.grn.beta", (1, 4 * width)
            yield from _weight_and_bias(f"{name}.pwconv2.linear", (width, 4 * width))
    # The dense model that the golden weights were drawn for also had a final norm and a classifier of 1000 classes.
    yield from _weight_and_bias("(not in the file) norm", (WIDTHS[3],))
    yield from _weight_and_bias("(not in the file) head", (1000, WIDTHS[3]))
    yield from _weight_and_bias("proj", (DECODER_WIDTH, WIDTHS[3], 1, 1))
    decoder = "decoder_dict.sentinel2.0"
    yield from _weight_and_bias(f"{decoder}.dwconv", (DECODER_WIDTH, 1, 7, 7))
    yield from _weight_and_bias(f"{decoder}.norm", (DECODER_WIDTH,))
    yield from _weight_and_bias(f"{decoder}.pwconv1", (4 * DECODER_WIDTH, DECODER_WIDTH))
    yield f"{decoder}.grn.gamma", (1, 1, 1, 4 * DECODER_WIDTH)
    yield f"{decoder}.grn.beta", (1, 1, 1, 4 * DECODER_WIDTH)
    yield from _weight_and_bias(f"{decoder}.pwconv2", (DECODER_WIDTH, 4 * DECODER_WIDTH))
    for modality in MODALITIES:
        if modality in IMAGE_CHANNELS:
            yield from _weight_and_bias(f"pred_dict.{modality}", (IMAGE_CHANNELS[modality], DECODER_WIDTH))
        else:
            channels = patch * patch * PIXEL_CHANNELS[modality]
            yield from _weight_and_bias(f"pred_dict.{modality}", (channels, DECODER_WIDTH, 1, 1))
    yield from _weight_and_bias("layer_norm_tmp", (DECODER_WIDTH,))


def _weight_and_bias(name: str, shape: tuple[int, ...]) -> Iterator[Drawn]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _kernel_and_bias(name: str, shape: tuple[int, ...]) -> Iterator[Drawn]:
    yield f"{name}.kernel", shape
    yield f"{name}.bias", (1, shape[0])


def _draw(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """float64; N(0, 1 / fan-in) for matrices and kernels, other parameters about their usual values."""
    normal = rng.standard_normal(shape)
    leaf = name.rsplit(".", 1)[-1]
    if name in ("mask_token", "loss_fn.log_vars") or leaf == "gamma":
        return 0.5 * normal
    if leaf == "beta":
        return 0.2 * normal
    if leaf == "bias":
        return 0.1 * normal
    if len(shape) == 1:
        return 1 + 0.25 * normal
    return normal * np.float64(np.prod(shape[1:])) ** -0.5


def _tensor(name: str, dense: np.ndarray) -> torch.Tensor:
    """float32; a kernel (out, in, h, w) becomes rows (w * h, in, out), a depthwise one (w * h, out)."""
    if name.endswith(".kernel"):
        out, inputs, height, width = dense.shape
        dense = dense.transpose(3, 2, 1, 0).reshape(width * height, inputs, out)
        if inputs == 1:
            dense = dense[:, 0]
    return torch.from_numpy(np.ascontiguousarray(dense, dtype=np.float32))


def _file_order(drawn: dict[str, torch.Tensor]) -> Iterator[str]:
    """Names as the file lists them. Adds the tied decoders to `drawn`: one block under twelve names."""
    decoder = [name for name in drawn if name.startswith("decoder_dict.")]
    for name in list(drawn):
        if name.startswith("(not in the file)") or (name.startswith("encoder.stages.") and ".pwconv2." in name):
            continue
        if name.startswith("encoder.stages.") and name.endswith(".grn.gamma"):  # the file has GRN last in a block
            block = name.removesuffix("grn.gamma")
            yield from (f"{block}pwconv2.linear.weight", f"{block}pwconv2.linear.bias")
        yield name
        if decoder and name == decoder[-1]:
            for modality in MODALITIES[1:]:
                for source in decoder:
                    tied = source.replace(".sentinel2.", f".{modality}.")
                    drawn[tied] = drawn[source]
                    yield tied


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--geometry", choices=PATCHES, default="56_8", help="crop and patch size in pixels")
    arguments = parser.parse_args()
    write_official_checkpoint(arguments.out, arguments.geometry)


if __name__ == "__main__":
    main()
