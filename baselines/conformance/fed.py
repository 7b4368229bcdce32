"""Checks of what a backbone makes of its input: pixels, statistics, bands, sizes."""

import torch
from torch import Tensor, nn

from baselines.conformance.broken_promise import NotCheckedError, promise
from baselines.conformance.subject import Subject, alike, circumstances
from baselines.facts import OF_BANDS, Fact, Facts, choose_facts
from baselines.inputs import prepare


def check_untouched(subject: Subject) -> None:
    """The caller's pixels stay as they are, no data included; and no data counts as the mean."""
    pixels = subject.draw_pixels(2)
    filled = pixels.clone()
    pixels[0, 0, 3:9, 5:20] = torch.nan
    filled[0, 0, 3:9, 5:20] = subject.preparation.mean[0]
    before = pixels.clone()
    vector = subject.embed(pixels).vector
    promise(torch.equal(pixels.nan_to_num(-1), before.nan_to_num(-1)), "the tensor it is called with is changed")
    promise(alike(vector, subject.embed(filled).vector), "a pixel without data is not the same as one of the mean")


def check_normalisation(subject: Subject) -> None:
    """What enters is what the contract prepared: the same in a unit with its own statistics, another by other ones.

    The first finds a backbone that prepares by itself, the last one that undoes what was done.
    """
    pixels, asked = subject.draw_pixels(2), subject.preparation
    wide = torch.cat([pixels, 4 * pixels])  # some of it beyond the limits that it may have
    entered = _entering(subject, wide)
    promise(len(entered) == 1, f"its entrance is passed {len(entered)} times a call: leave `forward` to the contract")
    inputs = subject.backbone.inputs
    wanted = prepare(wide, asked, inputs.limits, inputs.size_multiple)
    promise(
        torch.equal(entered[0], wanted),
        "what enters is not what the contract prepares of these bands in their order: leave `forward` to the contract",
    )
    vector = subject.embed(pixels).vector
    scaled = asked._replace(mean=4 * asked.mean, std=4 * asked.std)
    promise(
        alike(vector, subject.embed(4 * pixels, scaled).vector, 1e-2),
        "values four times as large with statistics four times as large give other features: it ignores the statistics",
    )
    if inputs.wants_raw_values:
        return  # it says that it standardises by itself, and may do so image by image
    other = asked._replace(mean=asked.mean + asked.std, std=1.7 * asked.std)
    halved = pixels.clone()
    halved[..., : subject.side_px // 2] = asked.mean[:, None, None]
    by_image = (subject.embed(halved).vector - vector).abs().max()
    by_statistics = (subject.embed(pixels, other).vector - vector).abs().max()
    promise(  # however little an untrained network makes of any image
        bool(by_statistics > 0.01 * by_image),
        "other statistics give the same features: something inside normalises once more",
    )


def _entering(subject: Subject, pixels: Tensor) -> list[Tensor]:
    entered: list[Tensor] = []

    def hook(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        entered.append(arguments[0].clone())

    handle = subject.backbone.entrance.register_forward_pre_hook(hook)
    try:
        subject.embed(pixels)
    finally:
        handle.remove()
    return entered


def check_bands(subject: Subject) -> None:
    """Every band counts; no two are interchangeable; a network that is told names or wavelengths goes by them, and
    not by the order of channels."""
    pixels = subject.draw_pixels(1)
    vector = subject.embed(pixels).vector
    for channel, band in enumerate(subject.bands):
        changed = pixels.clone()
        changed[:, channel] = pixels[:, channel].flip(-1) * 0.5 + subject.preparation.mean[channel] * 0.5
        promise(
            not alike(vector, subject.embed(changed).vector, 1e-6), f"band {band.name} changes nothing: it is ignored"
        )
    if len(subject.bands) == 1:
        return
    order = [*range(1, len(subject.bands)), 0]
    asked = subject.preparation
    turned = asked._replace(mean=asked.mean[order], std=asked.std[order], bands=tuple(asked.bands[i] for i in order))
    if subject.backbone.inputs.uses & {Fact.NAME, Fact.WAVELENGTH}:
        promise(
            alike(vector, subject.embed(pixels[:, order], turned).vector, 1e-2),
            "bands in another order, with what they are told by, give other features: it goes by the order of channels",
        )
    exchanged = asked._replace(mean=asked.mean[order], std=asked.std[order])
    promise(
        not alike(vector, subject.embed(pixels[:, order], exchanged).vector, 1e-6),
        "bands in another order under the same names give the same features: it does not tell bands apart",
    )


def check_reference(subject: Subject) -> None:
    """What the model's own implementation gives of known bands must come out, whatever their order is here."""
    reference, backbone = subject.backbone.reference, subject.backbone
    if reference is None:
        raise NotCheckedError(
            "it has no `reference`: only features of a known image can tell whether its bands are in the order it says"
        )
    names = backbone.inputs.bands or tuple(reference.pixels)
    lacking = [name for name in names if name not in reference.pixels]
    promise(not lacking, f"the reference has no {' '.join(lacking)}")
    x = torch.stack([reference.pixels[name] for name in names])[None]
    with torch.inference_mode():
        vector = backbone.embed(x, _facts(subject, x)).vector[0]
    promise(
        alike(vector, reference.vector, 1e-2),
        f"known bands do not give the known answer: look whether {' '.join(names)} is the order of its channels",
    )


def _facts(subject: Subject, x: Tensor) -> Facts:
    uses = subject.backbone.inputs.uses
    bands = subject.bands if uses & OF_BANDS else ()
    return choose_facts(uses, bands, circumstances(len(x)), x.shape[1])


def check_sizes(subject: Subject) -> None:
    """An image of odd sides is embedded."""
    if subject.backbone.inputs.fixed_size:
        raise NotCheckedError(f"it takes images of {subject.side_px} pixels a side alone, and says so")
    vector = subject.embed(subject.draw_pixels(1, 61, 67)).vector
    promise(bool(torch.isfinite(vector).all()), "an image of 61 x 67 pixels has features that are no numbers")
