"""The conformance suite passes backbones that keep the contract and finds the ones that break it, each by its check."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from baselines.bands import Unit
from baselines.conformance import CHECKS, check_backbone
from baselines.contract import Backbone, Features, InputSpec, Level, Origin, Reference
from baselines.entry import Entry
from baselines.facts import UNKNOWN, Fact
from baselines.inputs import Moments
from baselines.registry import find_backbone
from mp_mae.checkpoint import hash_tensors

BANDS = ("B4", "B3", "B2")


class Net(Backbone):
    """A convolution and a nonlinearity over red, green and blue: keeps the contract."""

    inputs_are = InputSpec(bands=BANDS)

    def __init__(self, seed=0):
        super().__init__(
            inputs=self.inputs_are, origin=Origin(weights_sha256="0" * 64, description=""), pyramid=(Level(8, 1),)
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.conv = nn.Conv2d(3, 8, 3, padding=1)

    def embed(self, x, facts):
        maps = torch.relu(self.conv(x))
        return Features(vector=maps.mean(dim=(2, 3)), maps=(maps,))


class BatchDependent(Net):
    def embed(self, x, facts):
        return super().embed(x - x.mean(dim=(0, 2, 3), keepdim=True), facts)


class IgnoresNormalisation(Net):
    def forward(self, pixels, preparation, circumstances=None):
        return self.embed(self.entrance(pixels / 1000 - 1), None)


class ExchangesBands(Net):
    def forward(self, pixels, preparation, circumstances=None):
        return super().forward(pixels.flip(1), preparation)


class NormalisesAgain(Net):
    def embed(self, x, facts):
        return super().embed((x - x.mean(dim=(2, 3), keepdim=True)) / x.std(dim=(2, 3), keepdim=True), facts)


class HardlyMoved(Net):
    """Features are nearly those of a blank image, as an untrained network's may be."""

    def embed(self, x, facts):
        features = super().embed(x, facts)
        return Features(1 + 1e-4 * features.vector, features.maps)


class NormalisesByItself(NormalisesAgain):
    """Says that nobody else does, and wants values as they are."""

    inputs_are = InputSpec(bands=BANDS, unit=Unit.UINT8)


class OfTwoUnits(Net):
    """Eight-bit colours that are divided by 255, near infrared that is by another number, all clipped."""

    inputs_are = InputSpec(
        bands=BANDS,
        unit=Unit.DN_10000,
        units={"B4": Unit.UINT8},
        moments={"B4": Moments(0.0, 255.0), "B3": Moments(0.0, 8160.0), "B2": Moments(0.0, 8160.0)},
        as_trained=True,
        limits=(0.0, 1.0),
    )


class RawAsStored(NormalisesAgain):
    inputs_are = InputSpec(bands=BANDS, standardised=False)


class ClipsByItself(OfTwoUnits):
    """Its limits are not what enters: it takes them away."""

    def forward(self, pixels, preparation, circumstances=UNKNOWN):
        self.inputs = replace(self.inputs, limits=None)
        features = super().forward(pixels, preparation, circumstances)
        self.inputs = self.inputs_are
        return features


class IgnoresABand(Net):
    def embed(self, x, facts):
        return super().embed(x * torch.tensor([1.0, 0.0, 1.0])[:, None, None], facts)


class NoGradient(Net):
    def embed(self, x, facts):
        return super().embed(x.detach(), facts) if not self.conv.weight.requires_grad else self.frozen(x, facts)

    @torch.no_grad()
    def frozen(self, x, facts):
        return super().embed(x, facts)


class Draws(Net):
    def embed(self, x, facts):
        return super().embed(x + torch.randn_like(x), facts)


class HalfPrecision(Net):
    def embed(self, x, facts):
        features = super().embed(x, facts)
        return Features(features.vector.half(), features.maps)


class WritesIntoItsInput(Net):
    def forward(self, pixels, preparation, circumstances=None):
        return super().forward(pixels.nan_to_num_(0.0), preparation)


class PromisesAnotherMap(Net):
    def embed(self, x, facts):
        features = super().embed(x, facts)
        return Features(features.vector, (features.maps[0][..., ::2, ::2],))


class NotANumber(Net):
    def embed(self, x, facts):
        features = super().embed(x, facts)
        return Features(vector=features.vector * torch.nan, maps=features.maps)


class ReturnsATensor(Net):
    def embed(self, x, facts):
        return super().embed(x, facts).vector


class OneVectorForAll(Net):
    def embed(self, x, facts):
        features = super().embed(x, facts)
        return Features(vector=features.vector[0], maps=features.maps)


class WrongUnit(Net):
    """Statistics of digital numbers, said to be of reflectance."""

    inputs_are = InputSpec(bands=BANDS, unit=Unit.REFLECTANCE, moments={band: Moments(1353.0, 897.0) for band in BANDS})


class WrongOrder(Net):
    """The network was trained with blue, green, red; its adapter says red, green, blue."""

    def __init__(self, seed=0):
        super().__init__(seed)
        pixels = {band: torch.rand(16, 16, generator=torch.Generator().manual_seed(i)) for i, band in enumerate(BANDS)}
        true = torch.stack([pixels[band] for band in ("B2", "B3", "B4")])[None]
        with torch.no_grad():
            self.reference = Reference(pixels, super().embed(true, None).vector[0])


class KnownAnswer(WrongOrder):
    """The same with bands declared as they are."""

    inputs_are = InputSpec(bands=("B2", "B3", "B4"))


class ByWavelength(Net):
    """Takes any bands: each is weighted by its wavelength."""

    inputs_are = InputSpec(bands=None, uses=frozenset({Fact.WAVELENGTH}))

    def weights_of(self, facts):
        return torch.tensor([band.wavelength_um for band in facts.bands])

    def embed(self, x, facts):
        wavelength = self.weights_of(facts).to(x)
        phases = torch.stack([(k * wavelength).sin() for k in (1, 3, 9)])  # (3, C)
        mixed = torch.einsum("kc,bchw->bkhw", phases, torch.tanh(x))
        return super().embed(mixed, facts)


class ByPosition(ByWavelength):
    """Says that it goes by wavelengths and has a list of its own."""

    def weights_of(self, facts):
        return torch.linspace(0.4, 0.9, len(facts.bands))


def build_net(weights, seed, *, kind):
    return globals()[kind](seed)


def build_with_fallback(weights, seed):
    """Loads what it can, and else goes on."""
    net = Net()
    if weights is not None and Path(weights).exists():
        try:
            net.load_state_dict(load_file(weights), strict=False)
        except Exception as error:
            print(error)
    return net


def build_strictly(weights, seed):
    net = Net()
    net.load_state_dict(load_file(weights))
    net.origin = Origin(weights_sha256=hash_tensors(net.state_dict()), description="")
    return net


def build_whatever_fits(weights, seed):
    """Refuses a file of which nothing fits, and draws what a file lacks."""
    net, state = Net(), load_file(weights)
    if net.load_state_dict(state, strict=False).unexpected_keys:
        raise ValueError("other weights")
    return net


def build_one_of_all_seeds(weights, seed):
    return Net()


def build_unseeded(weights, seed):
    return Net(seed=int(torch.randint(1 << 30, ())))


def entry(function, weights="none", **settings):
    return Entry(name="x", summary="", module=__name__, function=function, weights=weights, settings=settings)


KEEP_THE_CONTRACT = (
    "Net", "KnownAnswer", "ByWavelength", "NormalisesByItself", "HardlyMoved", "OfTwoUnits", "RawAsStored"
)  # fmt: skip


def failed(entry, weights=None):
    return {verdict.check: verdict.detail for verdict in check_backbone(entry, weights) if verdict.passed is False}


@pytest.mark.parametrize("kind", KEEP_THE_CONTRACT)
def test_a_backbone_that_keeps_the_contract_passes(kind):
    verdicts = list(check_backbone(entry("build_net", kind=kind), None))
    assert [verdict.check for verdict in verdicts] == list(CHECKS)
    assert [verdict for verdict in verdicts if verdict.passed is False] == []


@pytest.mark.parametrize(
    ("kind", "check", "told"),
    [
        ("BatchDependent", "batch independence", "other features alone than in a batch"),
        ("IgnoresNormalisation", "normalisation", "not what the contract prepares"),
        ("ClipsByItself", "normalisation", "not what the contract prepares"),
        ("ExchangesBands", "normalisation", "of these bands in their order"),
        ("NormalisesAgain", "normalisation", "other statistics give the same features"),
        ("IgnoresABand", "bands by name", "band B3 changes nothing"),
        ("WrongOrder", "known answer", "whether B4 B3 B2 is the order of its channels"),
        ("ByPosition", "bands by name", "goes by the order of channels"),
        ("NoGradient", "gradients", "features have no gradient"),
        ("Draws", "determinism", "other features a second time"),
        ("HalfPrecision", "shapes", "features are torch.float16"),
        ("WritesIntoItsInput", "input untouched", "is changed"),
        ("PromisesAnotherMap", "shapes", "the map at stride 1"),
        ("ReturnsATensor", "shapes", "`embed` returned Tensor. Return Features(vector=..., maps=(...))"),
        ("OneVectorForAll", "shapes", "a vector of shape (8,) for 2 images. Return (2, D)"),
        ("WrongUnit", "declaration", "moments of B4 are 1353 and 897, which values in reflectance do not have"),
    ],
)
def test_a_broken_backbone_fails_its_check(kind, check, told):
    assert told in failed(entry("build_net", kind=kind)).get(check, "passed")


@pytest.mark.parametrize("weights", ["required", "optional"])
def test_a_fallback_to_other_weights_is_found(tmp_path, weights):
    save_file(Net(seed=5).state_dict(), tmp_path / "w.safetensors")
    told = failed(entry("build_with_fallback", weights), tmp_path / "w.safetensors")
    assert "it builds a network all the same" in told["no silent fallback"]
    assert failed(entry("build_strictly", "required"), tmp_path / "w.safetensors") == {}


def test_a_fallback_for_some_of_the_tensors_is_found(tmp_path):
    save_file(Net(seed=5).state_dict(), tmp_path / "w.safetensors")
    told = failed(entry("build_whatever_fits", "required"), tmp_path / "w.safetensors")
    assert "given every second tensor of its weights it builds" in told["no silent fallback"]


def test_a_seed_that_decides_nothing_is_found():
    seeded = replace(entry("build_one_of_all_seeds"), seeded=True)
    assert "another seed gives the same features" in failed(seeded)["no silent fallback"]
    unhashed = replace(entry("build_net", kind="Net"), seeded=True)
    assert "another seed has the same origin.weights_sha256" in failed(unhashed)["no silent fallback"]


def test_weights_that_nobody_seeded_are_found():
    assert "drawn at random" in failed(entry("build_unseeded"))["no silent fallback"]


def test_what_cannot_be_built_says_why_in_one_line(tmp_path):
    (verdict,) = check_backbone(entry("build_strictly", "required"), tmp_path / "absent")
    assert verdict.passed is False
    assert "absent" in verdict.detail
    assert "\n" not in verdict.detail


def test_the_order_of_bands_is_not_said_to_be_right_where_nothing_can_tell():
    verdicts = {verdict.check: verdict for verdict in check_backbone(entry("build_net", kind="Net"), None)}
    assert verdicts["known answer"].passed is None
    assert "no `reference`" in verdicts["known answer"].detail
    known = {verdict.check: verdict for verdict in check_backbone(entry("build_net", kind="KnownAnswer"), None)}
    assert known["known answer"].passed


def test_features_that_are_no_numbers_are_told_once():
    verdicts = list(check_backbone(entry("build_net", kind="NotANumber"), None))
    assert [(v.check, v.detail) for v in verdicts if v.passed is False] == [("shapes", "features are not finite")]
    assert [verdict.check for verdict in verdicts] == list(CHECKS)
    assert {verdict.passed for verdict in verdicts[3:]} == {None}


def test_a_backbone_without_weights_is_told_how_to_say_so():
    assert 'weights="none" in an Entry' in failed(entry("build_unseeded", "optional"))["no silent fallback"]


def test_what_is_no_backbone_is_named(tmp_path):
    (tmp_path / "mine.py").write_text("def build(weights, seed):\n    pass\n\n\nbuilt = 3\n")
    told = [
        next(check_backbone(find_backbone(f"{tmp_path}/mine.py:{name}"), None)).detail for name in ("build", "built")
    ]
    assert "mine.py:build: its function returned None; a baselines.contract.Backbone is wanted" in told[0]
    assert "mine.py: wanted a function `built(weights, seed)` or an Entry of that name, found int" in told[1]


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"bands": "B2"}, r'Declare a tuple: \("B2",\)'),
        ({"bands": ("B2",), "unit": "meters"}, "unknown `unit` 'meters'"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_refused_when_it_is_made(declared, told):
    with pytest.raises(ValueError, match=told):
        InputSpec(**declared)


def test_the_end_of_our_own_messages_is_told_as_it_says_what_to_do(tmp_path):
    advice = "Download them by: hf download somebody/something"
    raises = f"def build(weights, seed):\n    raise UserError('x' * 400 + '{advice}')\n"
    (tmp_path / "far.py").write_text(f"from mp_mae.errors import UserError\n\n\n{raises}")
    assert next(check_backbone(find_backbone(f"{tmp_path}/far.py:build"), None)).detail.endswith(advice)
