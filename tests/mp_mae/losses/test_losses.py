"""Losses: golden values in all documented variants; missing values take no part, exactly."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mp_mae.losses import LOSS_RULES
from mp_mae.losses.rules import VALID_PIXELS, combine_losses, cross_entropy, normalise_patches, squared_error
from mp_mae.modalities import MMEARTH, Kind, Modality
from mp_mae.patches import gather_patches

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
ARRAYS = np.load(GOLDEN / "losses.npz")
CASES = json.loads((GOLDEN / "losses.json").read_text())["cases"]
PATCH = 8
NAN = float("nan")


def golden_prediction(task: Modality, removed: Tensor) -> Tensor:
    stored = torch.from_numpy(ARRAYS[f"pred_{task.name}"]).double()
    if not task.kind.is_pixel:
        return stored
    patches = stored.flatten(2).mT  # (B, L, p * p * C)
    index = removed.unsqueeze(-1).expand(-1, -1, patches.shape[-1])
    return patches.gather(1, index).unflatten(-1, (PATCH * PATCH, -1))


def golden_target(task: Modality, *, missing: bool) -> Tensor:
    target = torch.from_numpy(ARRAYS[f"target_{task.name}"])
    no_data = torch.from_numpy(ARRAYS[f"nodata_{task.name}"]) & missing
    if task.kind is Kind.IMAGE_CLASS:
        return target.long().argmax(1).masked_fill(no_data, -1)
    if task.kind is Kind.PIXEL_CLASS:
        return target.long().masked_fill(no_data, -1)[:, 0]
    return target.double().masked_fill(no_data, NAN)


def golden_removed() -> Tensor:
    return torch.from_numpy(ARRAYS["mask"]).bool().nonzero()[:, 1].view(4, -1)


def all_losses(rules, targets: dict[str, Tensor], predictions: dict[str, Tensor] | None = None):
    """Means by task, the uncertainty total and the plain total of the golden predictions, in float64."""
    removed = golden_removed()
    sums = []
    for name, task in MMEARTH.items():
        target = gather_patches(targets[name], removed, PATCH) if task.kind.is_pixel else targets[name]
        target = rules.fill(task.kind, target)
        if name == "sentinel2":
            target = normalise_patches(target)
        prediction = (predictions or {}).get(name, golden_prediction(task, removed))
        sums.append(rules.by_kind[task.kind](prediction, target))
    totals, counts = torch.stack([s.total for s in sums]), torch.stack([s.n_values for s in sums])
    log_vars = torch.from_numpy(ARRAYS["log_vars"]).double()
    weighted, means = combine_losses(rules, totals, counts, log_vars)
    return (
        dict(zip(MMEARTH, means.tolist(), strict=True)),
        weighted.item(),
        combine_losses(rules, totals, counts, None).total,
    )


@pytest.mark.parametrize(
    ("rules", "missing", "case", "version"),
    [
        ("valid_pixels", False, "clean", "reference_float64"),
        ("valid_patches", False, "clean", "reference_float64"),
        ("published", False, "clean", "reference_float64"),
        ("published", True, "nodata_as_reference", "reference_float64"),
        ("valid_patches", True, "nodata_excluded", "own_float64"),
        ("valid_pixels", True, "nodata_excluded_pixel_weighted", "own_float64"),
    ],
)
def test_losses_equal_the_golden_values(rules, missing, case, version):
    targets = {name: golden_target(task, missing=missing) for name, task in MMEARTH.items()}
    means, uncertainty, plain = all_losses(LOSS_RULES[rules], targets)
    wanted = CASES[case][version]
    assert means == pytest.approx(wanted["per_modality"], rel=0, abs=1e-6)
    assert uncertainty == pytest.approx(wanted["total_uncertainty"], rel=0, abs=1e-6)
    assert plain == pytest.approx(wanted["total_unweighted"], rel=0, abs=1e-6)


def test_published_losses_that_meet_missing_values_drop_optical_patches_with_any():
    """The published loss without the filling before it: `nodata_nan_reaches_reference_loss`."""

    def fill(kind: Kind, target: Tensor) -> Tensor:
        return target if kind is Kind.PIXEL_REGRESSION else LOSS_RULES["published"].fill(kind, target)

    targets = {name: golden_target(task, missing=True) for name, task in MMEARTH.items()}
    incomplete = F.max_pool2d(targets["sentinel2"].isnan().any(1, keepdim=True).double(), PATCH)
    targets["sentinel2"][F.interpolate(incomplete, scale_factor=PATCH).bool().expand_as(targets["sentinel2"])] = NAN
    means, uncertainty, plain = all_losses(replace(LOSS_RULES["published"], fill=fill), targets)
    wanted = CASES["nodata_nan_reaches_reference_loss"]["reference_float64"]
    assert means == pytest.approx(wanted["per_modality"], rel=0, abs=1e-6)
    assert uncertainty == pytest.approx(wanted["total_uncertainty"], rel=0, abs=1e-6)
    assert plain == pytest.approx(wanted["total_unweighted"], rel=0, abs=1e-6)


def test_published_rules_do_not_count_a_patch_without_error():
    wanted = CASES["zero_error_patch"]
    task, removed = MMEARTH["aster"], golden_removed()
    target = gather_patches(golden_target(task, missing=False), removed, PATCH)
    prediction = golden_prediction(task, removed)
    first = removed[wanted["sample"]].tolist().index(wanted["patch_index"])
    prediction[wanted["sample"], first] = target[wanted["sample"], first]
    published = LOSS_RULES["published"].by_kind[task.kind](prediction, target)
    assert published.n_values == wanted["patches_counted_by_reference"]
    assert (published.total / published.n_values).item() == pytest.approx(wanted["reference_float64"], rel=0, abs=1e-6)
    for rules in ("valid_pixels", "valid_patches"):
        loss = LOSS_RULES[rules].by_kind[task.kind](prediction, target)
        mean = (loss.total / loss.n_values).item()
        assert mean == pytest.approx(wanted["true_masked_mean_float64"], rel=0, abs=1e-6)


def test_a_task_without_labels_is_nan_as_published_and_nothing_in_ours():
    targets = {name: golden_target(task, missing=True) for name, task in MMEARTH.items()}
    missing = ("dynamic_world", "lat")
    targets["dynamic_world"].fill_(-1)
    targets["lat"].fill_(NAN)
    means, uncertainty, _ = all_losses(LOSS_RULES["published"], targets)
    assert np.isnan([means["dynamic_world"], means["lat"], uncertainty]).all()

    means, uncertainty, plain = all_losses(VALID_PIXELS, targets)
    wanted = CASES["nodata_excluded_pixel_weighted"]["own_float64"]
    s = dict(zip(MMEARTH, ARRAYS["log_vars"].astype(float), strict=True))
    gone = sum(np.exp(-s[name]) * wanted["per_modality"][name] + s[name] for name in missing)
    assert uncertainty == pytest.approx(wanted["total_uncertainty"] - gone, rel=0, abs=1e-6)
    assert plain == pytest.approx(
        wanted["total_unweighted"] - sum(wanted["per_modality"][name] for name in missing), rel=0, abs=1e-6
    )


def loss_and_gradient(loss, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    prediction = prediction.clone().requires_grad_()
    total, count = loss(prediction, target)
    (gradient,) = torch.autograd.grad(total / count.clamp(min=1), prediction)
    return total.detach(), count, gradient


@pytest.mark.parametrize("rules", ["valid_pixels", "valid_patches"])
def test_values_under_missing_pixels_change_neither_loss_nor_gradient_by_a_bit(rules):
    generator = torch.Generator().manual_seed(1)
    target = torch.randn(2, 3, 16, 4, generator=generator)
    missing = torch.rand(target.shape, generator=generator) < 0.4
    missing[0, 1] = True  # a whole patch
    prediction = torch.randn(target.shape, generator=generator)
    other = torch.where(missing, 1e30, prediction)
    loss = LOSS_RULES[rules].by_kind[Kind.PIXEL_REGRESSION]
    target = target.masked_fill(missing, NAN)
    total, count, gradient = loss_and_gradient(loss, prediction, target)
    total_2, count_2, gradient_2 = loss_and_gradient(loss, other, target)
    assert total.equal(total_2)
    assert count.equal(count_2)
    assert gradient.equal(gradient_2)
    assert (gradient[missing] == 0).all()
    assert (gradient[~missing] != 0).all()


def test_squared_error_by_hand():
    loss = squared_error(torch.tensor([[1.0, 2.0], [3.0, 9.0]]), torch.tensor([[0.0, NAN], [1.0, NAN]]))
    assert loss.total == 1 + 4
    assert loss.n_values == 2


def test_cross_entropy_skips_missing_classes_and_trains_class_0():
    logits = torch.tensor([[0.0, 0.0], [5.0, -5.0], [0.0, 0.0]], requires_grad=True)
    loss = cross_entropy(logits, torch.tensor([0, -1, 1]))
    assert loss.n_values == 2
    assert loss.total.item() == pytest.approx(2 * np.log(2))
    loss.total.backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == [[-0.5, 0.5], [0, 0], [0.5, -0.5]]


@pytest.mark.parametrize(
    ("kind", "shape", "missing"),
    [
        (Kind.PIXEL_REGRESSION, (2, 3, 4, 5), torch.full((2, 3, 4, 5), NAN)),
        (Kind.PIXEL_CLASS, (2, 3, 4, 5), torch.full((2, 3, 4), -1)),
        (Kind.IMAGE_REGRESSION, (2, 5), torch.full((2, 5), NAN)),
        (Kind.IMAGE_CLASS, (2, 5), torch.full((2,), -1)),
    ],
)
@pytest.mark.parametrize("rules", ["valid_pixels", "valid_patches"])
def test_a_task_without_valid_target_has_zero_loss_and_zero_gradient(rules, kind, shape, missing):
    total, count, gradient = loss_and_gradient(LOSS_RULES[rules].by_kind[kind], torch.ones(shape), missing)
    assert (total, count) == (0, 0)
    assert (gradient == 0).all()


def test_a_task_without_valid_target_leaves_its_uncertainty_weight_alone():
    log_vars = torch.tensor([0.3, -0.7, 2.0], requires_grad=True)
    totals, counts = torch.tensor([6.0, 0.0, 0.0]), torch.tensor([3, 0, 5])
    total, means = combine_losses(VALID_PIXELS, totals, counts, log_vars)
    total.backward()
    assert means.tolist() == [2, 0, 0]
    assert total.item() == pytest.approx(np.exp(-0.3) * 2 + 0.3 + 2.0)
    assert log_vars.grad is not None
    assert log_vars.grad.tolist() == pytest.approx([1 - 2 * np.exp(-0.3), 0, 1])  # a perfect task still trains its own
    assert log_vars.grad[1] == 0


def test_normalised_patches_have_mean_0_and_unbiased_variance_1_over_pixels_and_bands():
    patches = torch.tensor([1.0, 2.0, NAN, 6.0]).view(1, 1, 2, 2)  # mean 3, variance (4 + 1 + 9) / 2 = 7
    wanted = torch.tensor([-2.0, -1.0, NAN, 3.0]).view(1, 1, 2, 2) / (7 + 1e-6) ** 0.5
    torch.testing.assert_close(normalise_patches(patches), wanted, equal_nan=True)


def test_normalising_a_patch_of_one_valid_value_or_none_stays_finite():
    patches = torch.tensor([[5.0, NAN, NAN], [NAN, NAN, NAN]]).view(1, 2, 3, 1)
    normalised = normalise_patches(patches).flatten()
    assert normalised[0] == 0
    assert normalised[1:].isnan().all()


def test_sums_do_not_depend_on_the_order_of_the_batch():
    generator = torch.Generator().manual_seed(2)
    prediction = torch.randn(6, 5, 4, 3, generator=generator, dtype=torch.float64)
    target = torch.randn(prediction.shape, generator=generator, dtype=torch.float64)
    target[torch.rand(target.shape, generator=generator) < 0.3] = NAN
    order = torch.randperm(6, generator=generator)
    for rules in LOSS_RULES.values():
        loss = rules.by_kind[Kind.PIXEL_REGRESSION]
        target_here = rules.fill(Kind.PIXEL_REGRESSION, target)
        a, b = loss(prediction, target_here), loss(prediction[order], target_here[order])
        torch.testing.assert_close(a.total, b.total, rtol=1e-12, atol=0)
        assert a.n_values == b.n_values


def test_half_precision_predictions_are_summed_in_float32():
    ones, target = torch.ones(300, 300, dtype=torch.bfloat16), torch.zeros(300, 300)
    assert squared_error(ones, target).total == 90_000
    logits, classes = torch.zeros(1000, 2, dtype=torch.bfloat16), torch.zeros(1000, dtype=torch.int64)
    assert cross_entropy(logits, classes).total.item() == pytest.approx(1000 * np.log(2), rel=1e-6)
