"""The whole model: golden training step, agreement with dense computation, and what may not change anything."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dense_opponent import dense_total
from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig
from mp_mae.errors import UserError
from mp_mae.losses.rules import normalise_patches
from mp_mae.masking import Mask
from mp_mae.modalities import MMEARTH, PRESETS
from mp_mae.model import MPMAE
from mp_mae.model_config import ModelConfig
from mp_mae.official.layout import to_official
from mp_mae.official.model import decoder_keys, read_official_model
from mp_mae.patches import gather_patches
from mp_mae.training.setup import parameter_groups
from official_checkpoint import BANDS, checkpoint_content, write_checkpoint
from pretraining_batch import Batch, random_batch

GOLDEN = Path(__file__).parent.parent / "fixtures" / "golden"
SMALL = ModelConfig(encoder=EncoderConfig("atto", MMEARTH_S2_BANDS, 8), decoder_width=16)


def small_model(config: ModelConfig = SMALL) -> MPMAE:
    """Float64, with every vector (biases, GRN, log-variances) drawn, so that none of them is without effect."""
    torch.manual_seed(5)
    model = MPMAE(config)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return model.double()


def small_batch(config: ModelConfig = SMALL, **changes) -> Batch:
    """Three images of 3 x 3 patches, float64."""
    arguments = {"n": 3, "side": 24, "patch": 8, "channels": len(config.encoder.bands), **changes}
    return to_float64(random_batch(config.tasks, **arguments))


def to_float64(batch: Batch) -> Batch:
    targets = {name: t.double() if t.is_floating_point() else t for name, t in batch.targets.items()}
    return Batch(batch.x.double(), targets, batch.mask)


def gradients(model: MPMAE, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    return dict(zip(named, torch.autograd.grad(loss, named.values()), strict=True))


def test_holes_count_as_removed_only_if_absent_is_asked_for():
    absent = replace(SMALL, holes="absent")
    sites, batch = small_model(), small_batch()
    other = small_model(absent)
    assert torch.equal(sites(*batch).total, other(*batch).total)
    hole = batch.mask.visible[0, 0].item()
    batch.x[0, :, hole // 3 * 8 : hole // 3 * 8 + 4, hole % 3 * 8 : hole % 3 * 8 + 4] = 0
    assert not torch.isclose(sites(*batch).total, other(*batch).total, rtol=1e-10, atol=0)


# --- golden values ---


@pytest.fixture(scope="module")
def golden_step(official_files):
    """Model and batch of the golden training step, float64."""
    model = read_official_model(official_files["56_8"]).build().double()
    sparse, losses = np.load(GOLDEN / "sparse_56_8.npz"), np.load(GOLDEN / "losses.npz")
    removed = torch.from_numpy(sparse["mask"]).bool()
    mask = Mask((~removed).nonzero()[:, 1].view(2, -1), removed.nonzero()[:, 1].view(2, -1))
    x = torch.from_numpy(sparse["x"]).double()
    targets = {}
    for name, task in MMEARTH.items():
        target = torch.from_numpy(losses[f"target_{name}"][:2])
        if task.kind.is_class:
            targets[name] = target[:, 0].long() if task.kind.is_pixel else target.long().argmax(1)
        else:
            targets[name] = target.double()
    return model, Batch(x, {**targets, "sentinel2": x}, mask), json.loads((GOLDEN / "train_step_56_8.json").read_text())


def test_losses_of_a_training_step_equal_the_golden_ones(golden_step):
    model, batch, golden = golden_step
    report = model(*batch)
    assert {name: loss.item() for name, loss in report.by_task.items()} == pytest.approx(
        golden["per_modality"], rel=1e-6
    )
    assert report.total.item() == pytest.approx(golden["total_uncertainty"], rel=1e-6)


def test_gradients_of_a_training_step_equal_the_golden_ones(golden_step):
    model, batch, golden = golden_step
    ours = gradients(model, model(*batch).total)
    encoder = {
        name.removeprefix("encoder."): gradient for name, gradient in ours.items() if name.startswith("encoder.")
    }
    norms = {name: gradient.norm().item() for name, gradient in to_official(encoder).items()}
    norms |= {official: ours[name].norm().item() for official, name in decoder_keys(model.config, "sentinel2")}
    assert norms == pytest.approx(golden["grad_l2"], rel=1e-4)


# --- against dense computation ---


@pytest.mark.parametrize(("patch", "side"), [(8, 24), (16, 48)])
def test_loss_and_gradients_equal_those_of_the_dense_computation(patch, side):
    config = replace(SMALL, encoder=replace(SMALL.encoder, patch=patch))
    model = small_model(config)
    batch = small_batch(config, side=side, patch=patch)
    ours, dense = model(*batch).total, dense_total(model, *batch)
    assert ours.item() == pytest.approx(dense.item(), rel=1e-12)
    ours, dense = gradients(model, ours), gradients(model, dense)
    for name in dense:
        torch.testing.assert_close(ours[name], dense[name], rtol=1e-9, atol=1e-11, msg=name)


# --- what may not change anything ---


def test_targets_at_visible_patches_and_removed_inputs_change_nothing():
    model, batch = small_model(), small_batch()
    seen = torch.zeros(3, 9, dtype=torch.bool).scatter(1, batch.mask.visible, True).view(3, 3, 3)
    seen = seen.repeat_interleave(8, 1).repeat_interleave(8, 2)  # (B, H, W)
    targets = {
        name: (torch.where(seen, 3, t) if t.ndim == 3 else torch.where(seen[:, None], 7.0, t))
        if MMEARTH[name].kind.is_pixel
        else t
        for name, t in batch.targets.items()
    }
    x = torch.where(seen[:, None], batch.x, 99.0)
    before, after = model(*batch).total, model(x, targets, batch.mask).total
    assert before.equal(after)
    before, after = gradients(model, before), gradients(model, after)
    assert all(before[name].equal(after[name]) for name in before)


def test_the_total_does_not_depend_on_the_order_of_the_batch():
    model, batch = small_model(), small_batch()
    order = torch.tensor([2, 0, 1])
    mask = Mask(batch.mask.visible[order], batch.mask.removed[order])
    shuffled = model(batch.x[order], {name: t[order] for name, t in batch.targets.items()}, mask)
    assert shuffled.total.item() == pytest.approx(model(*batch).total.item(), rel=1e-12)


@pytest.mark.parametrize("name", ["aster", "dynamic_world", "era5", "eco_region"])  # one of each kind
def test_a_task_without_valid_target_trains_nothing_of_its_own(name):
    model, batch = small_model(), small_batch()
    target = batch.targets[name]
    batch.targets[name] = torch.full_like(target, float("nan") if target.is_floating_point() else -1)
    report = model(*batch)
    assert report.total.isfinite()
    assert report.n_valid[name] == 0
    assert report.by_task[name] == 0
    ours = gradients(model, report.total)
    assert all(gradient.isfinite().all() for gradient in ours.values())
    assert ours["log_vars"][list(MMEARTH).index(name)] == 0
    assert (ours["log_vars"] != 0).sum() == len(MMEARTH) - 1
    assert all((gradient == 0).all() for key, gradient in ours.items() if f"heads.{name}." in key)


def test_tree_cover_is_class_0_and_is_trained():
    config = replace(SMALL, modalities=("esa_worldcover",))
    model, batch = small_model(config), small_batch(config)
    batch.targets["esa_worldcover"].zero_()
    report = model(*batch)
    assert report.n_valid["esa_worldcover"] == batch.mask.removed.numel() * 64
    assert report.by_task["esa_worldcover"] > 0


def test_processes_that_share_counts_have_the_gradients_of_the_whole_batch():
    model, batch = small_model(), small_batch(n=4, missing=0.4)
    batch.targets["biome"][:2] = -1  # the first process has no label at all
    whole = gradients(model, model(*batch).total)
    halves = [
        Batch(
            batch.x[rows],
            {name: t[rows] for name, t in batch.targets.items()},
            Mask(batch.mask.visible[rows], batch.mask.removed[rows]),
        )
        for rows in (slice(0, 2), slice(2, 4))
    ]
    counts = torch.stack([model(*half).counts for half in halves]).double().mean(0)
    parts = [gradients(model, model(*half, share_counts=lambda own: counts).total) for half in halves]
    for name in whole:
        torch.testing.assert_close((parts[0][name] + parts[1][name]) / 2, whole[name], rtol=1e-9, atol=1e-12)


def test_with_no_patch_removed_image_tasks_train_alone():
    model, batch = small_model(), small_batch()
    everything = Mask(torch.arange(9).expand(3, -1), torch.empty(3, 0, dtype=torch.int64))
    report = model(batch.x, batch.targets, everything)
    assert {name for name, n in report.n_valid.items() if n > 0} == set(PRESETS["image"])
    assert all(gradient.isfinite().all() for gradient in gradients(model, report.total).values())


def test_autocast_keeps_losses_in_float32():
    torch.manual_seed(6)
    model, batch = MPMAE(SMALL), random_batch(SMALL.tasks, n=3, side=24, patch=8)
    exact = model(*batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        report = model(*batch)
    assert report.total.dtype == torch.float32
    assert report.total.item() == pytest.approx(exact.total.item(), rel=1e-2)
    assert report.total.item() != exact.total.item()


# --- predictions, sharing, weighting ---


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("decoder", ["shared", "per_task"])
def test_full_predictions_hold_those_the_loss_is_computed_from(decoder, normalise):
    tasks = ("sentinel2", "lat")
    config = replace(SMALL, decoder=decoder, modalities=tasks, weighting="sum", normalise_optical=normalise)
    model, batch = small_model(config), small_batch(config)
    pictures = model.predict(batch.x, batch.mask)
    assert pictures["sentinel2"].shape == batch.x.shape
    predicted = gather_patches(pictures["sentinel2"], batch.mask.removed, 8)
    target = gather_patches(batch.targets["sentinel2"], batch.mask.removed, 8)
    target = normalise_patches(target) if normalise else target
    by_hand = (predicted - target).square().nanmean() + (pictures["lat"] - batch.targets["lat"]).square().nanmean()
    assert model(*batch).total.item() == pytest.approx(by_hand.item(), rel=1e-12)


def test_decoders_per_task_are_separate_and_a_shared_one_is_one():
    tasks = ("aster", "lat", "lon")
    shared, separate = (small_model(replace(SMALL, modalities=tasks, decoder=d)) for d in ("shared", "per_task"))
    assert [len(model.branches) for model in (shared, separate)] == [1, 3]
    batch = small_batch(replace(SMALL, modalities=tasks))
    batch.targets["lon"].fill_(float("nan"))
    kernels = {n: g for n, g in gradients(separate, separate(*batch).total).items() if n.endswith("conv_dw.weight")}
    assert [(kernels[f"branches.{i}.blocks.0.conv_dw.weight"] != 0).any().item() for i in range(3)] == [
        True,
        True,
        False,
    ]


def test_uncertainty_weighting_and_plain_sum():
    batch = small_batch()
    uncertain = small_model()
    plain = small_model(replace(SMALL, weighting="sum"))
    assert plain.log_vars is None
    plain.load_state_dict({name: t for name, t in uncertain.state_dict().items() if name != "log_vars"})
    report = uncertain(*batch)
    losses = report.means
    assert plain(*batch).total.item() == pytest.approx(losses.sum().item(), rel=1e-12)
    wanted = (torch.exp(-uncertain.log_vars) * losses + uncertain.log_vars).sum()
    assert report.total.item() == pytest.approx(wanted.item(), rel=1e-12)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains_encoder_decoder_and_its_heads(preset):
    bands = ("B2", "B3", "B4") if preset == "rgb" else MMEARTH_S2_BANDS
    config = replace(SMALL, modalities=PRESETS[preset], encoder=replace(SMALL.encoder, bands=bands))
    model, batch = small_model(config), small_batch(config)
    assert set(model(*batch).by_task) == set(PRESETS[preset])
    pictures = model.predict(batch.x, batch.mask)
    assert all(pictures[name].shape == t.shape for name, t in batch.targets.items() if t.is_floating_point())
    assert "sentinel2" not in pictures or pictures["sentinel2"].shape == batch.x.shape
    assert all((gradient != 0).any() for gradient in gradients(model, model(*batch).total).values())


def test_weights_start_as_stated():
    torch.manual_seed(0)
    model = MPMAE(replace(SMALL, decoder_width=512))
    for name, parameter in model.named_parameters():
        if "norm" in name:
            assert (parameter == (1 if name.endswith("weight") else 0)).all(), name
        elif name.endswith("bias") or ".grn." in name or name == "log_vars":
            assert (parameter == 0).all(), name
        elif parameter.numel() > 300:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.15), name


def test_only_kernels_and_matrices_are_decayed():
    model = small_model()
    decayed, spared = parameter_groups(model, 0.05)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.05, 0.0)
    assert all(parameter.ndim >= 2 for parameter in decayed["params"])
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert all(parameter.ndim == 1 for parameter in spared["params"])
    assert {"log_vars", "tokens.mask_token", "encoder.stages.0.blocks.0.mlp.grn.weight"} <= {
        names[id(parameter)] for parameter in spared["params"]
    }
    grouped = [id(parameter) for group in (decayed, spared) for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters() if p.requires_grad)


# --- mistakes ---


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder": "none"}, "decoder is 'none'. Pass one of shared, per_task"),
        ({"losses": "mean"}, "losses is 'mean'. Pass one of valid_pixels, valid_patches, published"),
        ({"decoder_depth": 0}, "decoder_depth is 0; pass at least 1"),
        ({"modalities": ("sentinel3",)}, "unknown modality sentinel3"),
        ({"encoder": replace(SMALL.encoder, padding="published")}, 'needs padding="same"'),
    ],
)
def test_a_configuration_that_cannot_be_honoured_is_refused(change, message):
    with pytest.raises(UserError, match=message):
        replace(SMALL, **change)


def test_a_missing_or_misshapen_target_is_named():
    model, batch = small_model(), small_batch()
    with pytest.raises(UserError, match=r"aster: .* no such target"):
        model(batch.x, {name: t for name, t in batch.targets.items() if name != "aster"}, batch.mask)
    batch.targets["aster"] = batch.targets["aster"][..., :16]
    with pytest.raises(UserError, match=r"aster: wanted a target of shape \(3, 2, 24, 24\)"):
        model(*batch)


# --- official files ---


@pytest.fixture
def content():
    content = checkpoint_content("56_8")
    return {**content, "model": dict(content["model"])}


def test_an_official_model_keeps_its_settings(official_files):
    config = read_official_model(official_files["56_8"]).config
    assert config.encoder == EncoderConfig("atto", tuple(BANDS), 8)
    assert (config.decoder_width, config.decoder_depth) == (512, 1)
    assert (config.grn, config.holes, config.losses) == ("batch", "absent", "published")
    assert config.weighting == "uncertainty"
    assert (config.mask_ratio, config.normalise_optical) == (0.6, True)


def test_uncertainty_weights_follow_the_files_order_of_modalities(content, tmp_path):
    tensors = content["model"]
    reordered = [key for key in tensors if not key.startswith("pred_dict.")]
    reordered += sorted(key for key in tensors if key.startswith("pred_dict."))
    content["model"] = {key: tensors[key] for key in reordered}
    state = read_official_model(write_checkpoint(tmp_path / "sorted.pth", content)).state
    by_name = dict(zip(sorted(MMEARTH), tensors["loss_fn.log_vars"].tolist(), strict=True))
    assert state["log_vars"].tolist() == [by_name[name] for name in MMEARTH]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: m.pop("pred_dict.aster.bias"), r"missing: pred_dict\.aster\.bias"),
        (lambda m: m.update({"pred_dict.lat.scale": torch.ones(2)}), r"unexpected: pred_dict\.lat\.scale"),
        (lambda m: m.update({"proj.weight": m["proj.weight"].mT.movedim(0, 1)}), r"proj\.weight is \[320, 512\]"),
        (
            lambda m: m.update({"decoder_dict.lat.0.dwconv.bias": torch.zeros(512)}),
            r"dwconv\.bias differs between sentinel2 and lat",
        ),
        (lambda m: m.update({"pred_dict.soil.bias": torch.zeros(2)}), "unknown modalities soil"),
        (lambda m: m.pop("proj.bias"), "the decoder is missing"),
    ],
)
def test_a_file_whose_decoder_is_not_exactly_a_known_one_is_refused(content, tmp_path, spoil, message):
    spoil(content["model"])
    path = write_checkpoint(tmp_path / "spoiled.pth", content)
    with pytest.raises(UserError, match=message):
        read_official_model(path)


def test_a_file_without_decoder_is_refused(official_files):
    with pytest.raises(UserError, match=r"wanted prediction heads \(pred_dict\.\*\) of known modalities, found none"):
        read_official_model(official_files["112_16"])
