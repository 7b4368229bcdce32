"""Checks of what a backbone returns: shapes and types, repeatability, gradients, devices."""

import copy

import torch

from baselines.conformance.broken_promise import NotCheckedError, promise
from baselines.conformance.subject import Subject, alike, circumstances


def check_shapes(subject: Subject) -> None:
    """A vector an image, and the maps that the pyramid promises."""
    features = subject.embed(subject.draw_pixels(2))
    vector, pyramid = features.vector, subject.backbone.pyramid
    promise(vector.ndim == 2 and len(vector) == 2, f"of 2 images the vector is {tuple(vector.shape)}; (2, D) is wanted")
    promise(len(features.maps) == len(pyramid), f"{len(features.maps)} maps, {len(pyramid)} levels are promised")
    padded = subject.side_px + -subject.side_px % subject.backbone.inputs.size_multiple
    for level, values in zip(pyramid, features.maps, strict=True):
        sides = values.shape[-2:]
        right = values.ndim == 4 and len(values) == 2 and level.channels in (None, values.shape[1])
        # The published geometry of some encoders loses cells at the border.
        fits = all(abs(side - padded / level.stride) <= 2 for side in sides)
        promise(right and fits, f"the map at stride {level.stride} is {tuple(values.shape)}, not as promised")
    for values in (vector, *features.maps):
        promise(values.dtype == torch.float32, f"features are {values.dtype}; float32 is wanted")
        promise(bool(torch.isfinite(values).all()), "features are not finite")


def check_repeats(subject: Subject) -> None:
    """Nothing is drawn while it embeds, and nothing is remembered."""
    pixels = subject.draw_pixels(2)
    first = subject.embed(pixels).vector
    subject.embed(3 * pixels.flip(-1))
    promise(torch.equal(first, subject.embed(pixels).vector), "the same images give other features a second time")


def check_batch(subject: Subject) -> None:
    """An image alone has the features that it has among others."""
    pixels = subject.draw_pixels(3)
    pixels[1] *= 0.5
    pixels[2] = pixels[2].flip(-1) * 0.1
    together = subject.embed(pixels).vector
    alone = torch.cat([subject.embed(image[None]).vector for image in pixels])
    promise(
        alike(together, alone),
        "an image has other features alone than in a batch: look for batch norms that train, or sums over the batch",
    )


def check_gradients(subject: Subject) -> None:
    """Most of its weights, and its input, have a gradient."""
    backbone = copy.deepcopy(subject.backbone).requires_grad_(True)
    parameters = list(backbone.parameters())
    if not parameters:
        raise NotCheckedError("it has no weights to train")
    pixels = subject.draw_pixels(2)
    vector = backbone(pixels, subject.preparation, circumstances(2)).vector
    promise(vector.requires_grad, "features have no gradient: leave out no_grad, inference_mode and detach")
    weight = torch.randn(vector.shape, generator=torch.Generator().manual_seed(1))
    (vector * weight).sum().backward()
    reached = sum(p.numel() for p in parameters if p.grad is not None)
    total = sum(p.numel() for p in parameters)
    promise(reached > total / 2, f"a gradient reaches {reached:,} of {total:,} weights: something cuts it off")
    # Branches that begin at zero have none yet, as residual ones of an untrained network may.
    some = any(bool(p.grad.abs().sum() > 0) for p in parameters if p.grad is not None)
    promise(some, "every gradient is zero: something cuts it off")


def check_device(subject: Subject) -> None:
    """It moves to the GPU as a whole."""
    if not torch.cuda.is_available():
        raise NotCheckedError("there is no GPU here")
    moved = copy.deepcopy(subject.backbone).to("cuda")
    pixels = subject.draw_pixels(2)
    asked = subject.preparation.to(torch.device("cuda"))
    vector = subject.embed(pixels.to("cuda"), asked, moved).vector.cpu()
    promise(alike(vector, subject.embed(pixels).vector, 2e-2), "the GPU gives other features than the processor")
