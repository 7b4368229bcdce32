"""What a trained model makes of masked tiles, as arrays that can be shown beside their targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from mp_mae.data.crops import centre_crops, crop_side
from mp_mae.data.files import METADATA, MMEarthFiles, open_mmearth
from mp_mae.data.loader import Loader, Request
from mp_mae.errors import UserError
from mp_mae.files.weights_folder import CONFIG_FILE
from mp_mae.masking import Mask, draw_mask
from mp_mae.modalities import OPTICAL, Modality, choose_modalities
from mp_mae.model import MPMAE
from mp_mae.official.model import read_official_model
from mp_mae.patches import gather_patches, patches_to_images
from mp_mae.training.export import find_state


@dataclass(frozen=True, kw_only=True, eq=False)
class Reconstruction:
    """One tile; everything standardised as in training, NaN or -1 = missing."""

    row: int
    """Its row in the file."""
    tile_id: str
    """What the dataset calls it."""
    pixels: np.ndarray
    """(C, H, W) what the encoder was shown, had nothing been removed; 0 = missing."""
    bands: tuple[str, ...]
    """The bands of `pixels`."""
    removed: np.ndarray
    """(H, W) bool: pixels that the encoder did not see."""
    tasks: tuple[Modality, ...]
    """The tasks that the dataset has."""
    targets: Mapping[str, np.ndarray]
    """By task, shaped as its Kind says, without the batch axis."""
    predictions: Mapping[str, np.ndarray]
    """By task: numbers like the target's, or logits with the classes first. Where a patch was seen, the optical
    prediction repeats its pixels: nobody trained what the model says there."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A model with its decoder, and the crop it was trained on (None: the usual one)."""

    model: MPMAE
    crop: int | None


def load_trained(path: Path) -> TrainedModel:
    """A model from the folder of a training, or from an official file. Raises UserError when it is neither."""
    if (path / CONFIG_FILE).is_file():
        raise UserError(
            f"{path}: an exported encoder has no decoder, which draws. Pass the folder of its training: --run "
            f"{path.parent}."
        )
    if path.is_dir():
        saved = find_state(path)
        model = saved.build_model().eval()
        if not isinstance(model, MPMAE):
            raise UserError(
                f"{path}: wanted a training of the objective mp_mae, which predicts pictures; found one of "
                f"{saved.facts.settings['objective']}. Pass another folder."
            )
        return TrainedModel(model, int(saved.facts.schedule["crop_px"]))
    if path.suffix == ".safetensors" or not path.exists():
        raise UserError(
            f"{path}: wanted the folder of a training or an official .pth file; an exported encoder has no decoder."
        )
    return TrainedModel(read_official_model(path).build().eval(), None)


def reconstruct_tiles(
    trained: TrainedModel, data: Path, *, rows: Sequence[int] | None, tiles: int, seed: int
) -> list[Reconstruction]:
    """Mask tiles of a dataset and predict them.

    Args:
        rows: of the file; None: the first `tiles` of the validation split, or of the training split if that is empty.
        seed: of the masks.
    Raises:
        UserError: the data do not fit the model, or have no such rows.
    """
    config = trained.model.config
    files = open_mmearth(data, choose_modalities(config.modalities), config.encoder.bands, allow_missing=True)
    crop = crop_side(files.side, trained.crop)
    patch = config.encoder.patch
    if crop % patch:
        raise UserError(f"{data}: tiles give crops of {crop} px, no multiple of the model's {patch} px patch.")
    chosen = _choose_rows(files, rows, tiles)
    loader = Loader(files, capacity=len(chosen), crop=crop, device=torch.device("cpu"))
    (batch,) = loader.batches([Request(chosen, centre_crops(len(chosen), files.side, crop))])
    generator = torch.Generator().manual_seed(seed)
    mask = draw_mask(generator, len(chosen), (crop // patch) ** 2, config.mask_ratio)
    with torch.inference_mode():
        predictions = trained.model.predict(batch.input, mask)
    removed = _removed_pixels(mask, crop, patch)
    if OPTICAL in batch.targets and OPTICAL in predictions:
        target = batch.targets[OPTICAL]
        optical = predictions[OPTICAL]
        if config.normalise_optical:
            optical = denormalise_patches(optical, target, patch)
        predictions[OPTICAL] = torch.where(removed[:, None], optical, target)
    tasks = tuple(task for task in config.tasks if task.name in batch.targets)
    with h5py.File(files.paths.h5) as file:
        names = [file[METADATA][int(row)][0].decode(errors="replace") for row in chosen]
    return [
        Reconstruction(
            row=int(row),
            tile_id=names[i],
            pixels=batch.input[i].numpy(),
            bands=config.encoder.bands,
            removed=removed[i].numpy(),
            tasks=tasks,
            targets={task.name: batch.targets[task.name][i].numpy() for task in tasks},
            predictions={task.name: predictions[task.name][i].numpy() for task in tasks},
        )
        for i, row in enumerate(chosen)
    ]


def denormalise_patches(prediction: Tensor, target: Tensor, patch: int) -> Tensor:
    """Predictions of normalised patches in the units of their targets: the inverse of `normalise_patches`.

    Args:
        prediction: (B, C, H, W).
        target: (B, C, H, W), NaN = missing; a patch without one value gives NaN.
    """
    cols = target.shape[-1] // patch
    every = torch.arange(cols * (target.shape[-2] // patch)).expand(len(target), -1)
    patches = gather_patches(target, every, patch)  # (B, L, P, C)
    n = (~patches.isnan()).sum((2, 3), keepdim=True)
    mean = patches.nansum((2, 3), keepdim=True) / n
    variance = (patches - mean).square().nansum((2, 3), keepdim=True) / (n - 1).clamp(min=1)
    return patches_to_images(gather_patches(prediction, every, patch) * torch.sqrt(variance + 1e-6) + mean, cols)


def _choose_rows(files: MMEarthFiles, rows: Sequence[int] | None, tiles: int) -> np.ndarray:
    if rows is None:
        if tiles < 1:
            raise UserError(f"--tiles {tiles}: pass at least 1.")
        return files.rows("val" if len(files.splits.get("val", ())) else "train")[:tiles]
    beyond = [row for row in rows if not 0 <= row < files.n_tiles]
    if beyond:
        raise UserError(f"{files.paths.h5}: there is no row {beyond[0]}; rows are 0 to {files.n_tiles - 1}.")
    return np.array(rows, np.int64)


def _removed_pixels(mask: Mask, side: int, patch: int) -> Tensor:
    """A mask of pixels, (B, side, side) bool."""
    removed = torch.zeros(len(mask.removed), mask.n_patches, dtype=torch.bool).scatter(1, mask.removed, True)
    grid = removed.unflatten(1, (side // patch, side // patch))
    return grid.repeat_interleave(patch, 1).repeat_interleave(patch, 2)
