"""A second objective is a class and a line in a table: settings, loop, log, resume, checks and export are the same."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Self

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from generated_mmearth import write_mmearth
from mp_mae.checkpoint import load_checkpoint
from mp_mae.cli.app import main
from mp_mae.config import EncoderConfig
from mp_mae.data.loader import training_requests
from mp_mae.encoder import build_encoder
from mp_mae.errors import NonFiniteLossError, UserError
from mp_mae.objective import LossReport, ModelRequest, Objective
from mp_mae.pictures.reconstruction import load_trained
from mp_mae.training.export import find_state
from mp_mae.training.log import read_log
from mp_mae.training.objectives import OBJECTIVES, ObjectiveEntry
from mp_mae.training.plan import make_plan, open_files
from mp_mae.training.setting_values import read_toml
from mp_mae.training.settings import Settings, as_fields, setting_kinds, to_toml, vary
from pretraining_run import TINY, after, changed, tiny_settings, train, weights


@dataclass(frozen=True, kw_only=True)
class TwoCropsOptions:
    temperature: Annotated[float, "of the similarities"] = 0.2
    gain: Annotated[float, "standard deviation of the brightness"] = 0.1


class TwoCrops(Objective):
    """Of two crops of every tile, each is to be told from the crops of other tiles (InfoNCE)."""

    crops_per_tile = 2
    compares_tiles = True

    def __init__(self, options: TwoCropsOptions, encoder: EncoderConfig) -> None:
        super().__init__()
        self.options = options
        self.encoder = build_encoder(encoder)

    @classmethod
    def build(cls, options: Any, request: ModelRequest) -> Self:
        return cls(options, request.encoder)

    def draw(self, generator: torch.Generator, n_tiles: int, crop: int) -> Tensor:
        return torch.randn(n_tiles, 2, generator=generator)

    def inputs(self, pixels: Tensor, targets: Mapping[str, Tensor], drawn: Tensor) -> tuple[Tensor]:
        gains = 1 + self.options.gain * drawn.to(pixels.device)
        return (pixels * gains.T.reshape(-1, 1, 1, 1),)

    def forward(self, pixels: Tensor, share_counts: object = None) -> LossReport:
        vectors = self.encoder.forward_head(self.encoder.forward_features(pixels), pre_logits=True)
        first, second = F.normalize(vectors, dim=1).chunk(2)
        loss = F.cross_entropy(first @ second.T / self.options.temperature, torch.arange(len(first)))
        return LossReport(total=loss, names=("info_nce",), means=loss.detach()[None], counts=torch.tensor([len(first)]))


@pytest.fixture(autouse=True)
def two_crops(monkeypatch):
    entry = ObjectiveEntry(summary="tell tiles apart", options=TwoCropsOptions, load=lambda: TwoCrops)
    monkeypatch.setitem(OBJECTIVES, "two_crops", entry)


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=12, side=24)


SHARED = {key: value for key, value in TINY.items() if key not in ("mask_ratio", "decoder_width")}


@pytest.fixture
def settings(tiles):
    """Random crops and turns, two micro-batches a step: six steps in two epochs."""
    words = {"objective": "two_crops", "preset": "s2", "size": "demo", "micro_batch": 2, "turn": True}
    return vary(Settings(data=str(tiles)), {**SHARED, **words, "base_rate": 0.01}, "test")


def test_the_objective_trains_is_logged_and_its_encoder_is_exported(settings, tmp_path):
    assert train(settings, tmp_path).complete
    records = read_log(tmp_path / "log.jsonl")
    assert [list(record.losses) for record in records] == [["info_nce"]] * 6
    assert all(record.total == record.losses["info_nce"] > 0 for record in records)
    exported, trained = load_checkpoint(tmp_path / "encoder"), weights(tmp_path, 6)
    assert {f"encoder.{name}" for name in exported.state} == set(trained)
    assert all(torch.equal(tensor, trained[f"encoder.{name}"]) for name, tensor in exported.state.items())
    summary = exported.summary.training
    assert (summary["objective"], summary["temperature"], summary["steps"]) == ("two_crops", 0.2, 6)


@pytest.mark.parametrize("steps", [2, 5])  # in the middle of an epoch, and of the next one
def test_the_objective_resumes_bit_for_bit(settings, tmp_path, steps):
    train(settings, tmp_path / "whole")
    assert not train(settings, tmp_path / "parts", stop=after(steps, asks=2)).complete
    train(settings, tmp_path / "parts", resume=True)
    for file in ("model.safetensors", "optimizer.safetensors"):
        whole, parts = ((tmp_path / name / "checkpoints/step-00000006" / file) for name in ("whole", "parts"))
        assert whole.read_bytes() == parts.read_bytes()
    losses = [[record.losses for record in read_log(tmp_path / name / "log.jsonl")] for name in ("whole", "parts")]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"temperature": 0.3}, r"differs in temperature \(0.2, now 0.3\)\."),
        ({"objective": "mp_mae", "mask_ratio": 0.5}, r"differs in .*objective \('two_crops', now 'mp_mae'\)"),
    ],
)
def test_its_own_settings_and_its_name_are_compared_when_it_is_resumed(settings, tmp_path, changes, says):
    train(settings, tmp_path, stop=after(1, asks=2))
    with pytest.raises(UserError, match=says):
        train(changed(settings, **changes), tmp_path, resume=True)


def test_a_loss_that_is_not_finite_stops_it_by_name(settings, tmp_path):
    with pytest.raises(NonFiniteLossError, match="the loss of info_nce is not finite"):
        train(changed(settings, gain=1e38), tmp_path)


class WithSpare(TwoCrops):
    """An objective with parameters that no loss depends on."""

    def __init__(self, options: TwoCropsOptions, encoder: EncoderConfig) -> None:
        super().__init__(options, encoder)
        self.spare = torch.nn.Linear(3, 2)


class WithTwoNames(TwoCrops):
    """An objective that has one of its modules under two names, as a projection that two branches share."""

    def __init__(self, options: TwoCropsOptions, encoder: EncoderConfig) -> None:
        super().__init__(options, encoder)
        self.norm = self.encoder.head.norm


def use(monkeypatch, objective):
    entry = ObjectiveEntry(summary="a variant", options=TwoCropsOptions, load=lambda: objective)
    monkeypatch.setitem(OBJECTIVES, "two_crops", entry)


def test_a_parameter_without_gradient_is_named_before_any_checkpoint_is_written(settings, tmp_path, monkeypatch):
    use(monkeypatch, WithSpare)
    with pytest.raises(UserError, match=r"two_crops: wanted a gradient of every parameter, spare.weight, spare.bias"):
        train(settings, tmp_path)
    assert not (tmp_path / "checkpoints").exists()


def test_a_module_under_two_names_is_saved_and_resumed_bit_for_bit(settings, tmp_path, monkeypatch):
    use(monkeypatch, WithTwoNames)
    train(settings, tmp_path / "whole")
    train(settings, tmp_path / "parts", stop=after(2, asks=2))
    train(settings, tmp_path / "parts", resume=True)
    whole, parts = (weights(tmp_path / name, 6) for name in ("whole", "parts"))
    assert torch.equal(whole["norm.weight"], whole["encoder.head.norm.weight"])
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())


def test_the_micro_batch_stays_where_tiles_are_compared_and_may_change_elsewhere(settings, tiles, tmp_path):
    train(settings, tmp_path / "two_crops", stop=after(1, asks=2))
    with pytest.raises(UserError, match=r"differs in micro_batch \(2, now 4\)\."):
        train(changed(settings, micro_batch=4), tmp_path / "two_crops", resume=True)
    with pytest.raises(UserError, match=r"micro-batch 1: .* one has none to be compared with"):
        train(changed(settings, micro_batch=1), tmp_path / "single")
    alone = tiny_settings(tiles, size="demo", preset=("s2",), micro_batch=2)
    train(alone, tmp_path / "mp_mae", stop=after(1, asks=2))
    assert train(changed(alone, micro_batch=4), tmp_path / "mp_mae", resume=True).complete


def test_the_command_line_chooses_it_and_knows_its_settings(tiles, tmp_path, capsys):
    words = ["pretrain", "--data", str(tiles), "--out", str(tmp_path / "run"), "--size", "demo", "--preset", "s2"]
    shared = [f"--set={key}={value}" for key, value in SHARED.items()]
    assert main([*words, "--set", "objective=two_crops", "--set", "temperature=0.5", *shared]) == 0
    assert "steps of two_crops: demo" in capsys.readouterr().err
    assert find_state(tmp_path / "run").facts.settings["temperature"] == 0.5
    assert 'objective = "two_crops"' in (tmp_path / "run" / "settings.toml").read_text()
    assert main([*words, "--set", "objective=two_crops", "--set", "mask_ratio=0.5"]) == 2
    assert "no setting 'mask_ratio'" in capsys.readouterr().err
    assert main([*words, "--set", "objective=two_crop"]) == 2
    assert "Did you mean two_crops?" in capsys.readouterr().err


def test_another_objective_starts_from_its_own_defaults_and_settings_survive_toml(tmp_path):
    warm = vary(Settings(data="DIR", epochs=7), {"objective": "two_crops", "temperature": 1}, "test")
    assert (warm.options, warm.epochs) == (TwoCropsOptions(temperature=1.0), 7)
    assert vary(warm, {"objective": "mp_mae"}, "test") == Settings(data="DIR", epochs=7)
    (tmp_path / "settings.toml").write_text(to_toml(warm), encoding="utf-8")
    assert vary(Settings(data="other"), read_toml(tmp_path / "settings.toml"), "settings.toml") == warm
    with pytest.raises(UserError, match="options are TwoCropsOptions; pass MPMAEOptions"):
        Settings(data="DIR", options=TwoCropsOptions())


def test_every_objective_has_settings_of_its_own_names_each_with_a_default_and_a_line_on_it():
    shared = {f.name for f in fields(Settings)}
    for name, entry in OBJECTIVES.items():
        own = [f.name for f in fields(entry.options)]
        assert not shared & set(own)
        assert all(kind.__metadata__[0] for kind in setting_kinds(name).values())
        assert set(own) <= set(as_fields(Settings(data="DIR", objective=name)))
        assert issubclass(entry.load(), Objective)


def test_the_two_crops_of_a_tile_are_at_places_of_their_own_and_the_first_is_that_of_one_crop(settings):
    plan = make_plan(settings, open_files(settings), torch.device("cpu"))

    def requests(crops_per_tile):
        wanted = {"crop": 16, "crops_per_tile": crops_per_tile, "turn": True}
        return list(training_requests(plan.files, plan.rows, plan.order, 0, 6, **wanted))

    for one, two in zip(requests(1), requests(2), strict=True):
        assert two.rows.tolist() == [*one.rows, *one.rows]
        np.testing.assert_array_equal(two.crops.top[:2], one.crops.top)
    tops = np.concatenate([request.crops.top.reshape(2, -1) for request in requests(2)], axis=1)
    assert (tops[0] != tops[1]).any()


def test_pictures_are_drawn_of_mp_mae_alone(settings, tmp_path):
    train(settings, tmp_path, stop=after(1, asks=2))
    with pytest.raises(UserError, match=r"wanted a training of the objective mp_mae.*found one of two_crops"):
        load_trained(tmp_path)


def test_a_checkpoint_from_before_there_were_objectives_is_resumed_bit_for_bit(tiles, tmp_path):
    settings = tiny_settings(tiles, size="demo", preset=("s2", "biome"))
    train(settings, tmp_path / "whole")
    train(settings, tmp_path / "parts", stop=after(3))
    path = tmp_path / "parts" / "checkpoints" / "step-00000003" / "state.json"
    described = json.loads(path.read_text())
    assert described["settings"].pop("objective") == "mp_mae"
    assert set(described["model"]) == {
        "encoder", "modalities", "decoder", "decoder_width", "decoder_depth", "weighting", "normalise_optical",
        "mask_ratio", "grn", "holes", "losses",
    }  # fmt: skip
    path.write_text(json.dumps(described))
    assert train(settings, tmp_path / "parts", resume=True).complete
    whole, parts = (weights(tmp_path / name, 6) for name in ("whole", "parts"))
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())


def test_the_table_of_settings_from_before_there_were_objectives_is_read(tiles):
    settings = tiny_settings(tiles)
    lines = [line for line in to_toml(settings).splitlines() if not line.startswith("objective")]
    assert len(lines) == len(as_fields(settings)) - 1
    assert vary(Settings(data="other"), tomllib.loads("\n".join(lines)), "settings.toml") == settings
