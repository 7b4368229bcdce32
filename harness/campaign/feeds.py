"""Which bands feed a backbone from a dataset, in training and at test; docs/bands.md says the rules in words."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from baselines.contract import Backbone
from baselines.facts import MAY_LACK, OF_BANDS
from baselines.stored_embeddings import StoredEmbeddings
from harness.data.band_matching import (
    BandPlan,
    MissingBands,
    canonical_name,
    choose_bands,
    plan_at_test,
    plan_bands,
)
from harness.data.dataset import Dataset
from harness.data.description import NO_PIXELS, Band
from harness.errors import DoesNotApplyError
from harness.extraction.known_bands import describe_bands
from harness.records.band_sets import BandSets


class NotReadError(DoesNotApplyError):
    """The band to be dropped does not feed the backbone, so nothing would change."""


@dataclass(frozen=True, kw_only=True)
class Feeds:
    """What feeds a backbone."""

    train: BandPlan
    """In training, on train and valid."""
    test: BandPlan | None = None
    """None: the same."""
    sets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """`Run.band_sets`."""

    @property
    def plans(self) -> tuple[BandPlan, ...]:
        """One, or the two that differ."""
        return (self.train,) if self.test is None else (self.train, self.test)


def plan_feeds(asked: BandSets, dataset: Dataset, network: Backbone, policy: MissingBands, backbone: str) -> Feeds:
    """Match the bands of training and of test with what a backbone reads.

    What is missing on purpose is filled with zeros where the policy is `error`; what the dataset lacks is refused as in
    any run.

    Args:
        policy: what feeds a band that is not there.
        backbone: its name, for messages.
    Raises:
        DoesNotApplyError: the dataset lacks a band that was asked for, or the backbone reads none of those of training
            or of test.
        NotReadError: it does not read the one that is dropped.
        UserError: as `plan_bands`.
    """
    if dataset.bands[0].kind == NO_PIXELS:
        return _by_name(asked, dataset, network, backbone)
    inputs = network.inputs
    whole = plan_bands(_read(network, dataset.bands, dataset, backbone), dataset.bands, policy, backbone)
    on_purpose = MissingBands.ZERO if policy is MissingBands.ERROR else policy
    typed = choose_bands(asked.train, dataset.bands, f"{dataset.name}, --train-bands")
    kept = [band for band in dataset.bands if band in typed]
    train = plan_bands(_read(network, kept, dataset, backbone), kept, on_purpose, backbone) if asked.train else whole
    trained_on = [band for band in kept if band.channel in train.sources]
    test = None
    if asked.differ:
        at_test = _at_test(asked, dataset, trained_on, backbone)
        if inputs.bands is None and inputs.uses & OF_BANDS - MAY_LACK:  # it is told what each is, and takes any number
            there = [band for band in dataset.bands if band in at_test]
            test = plan_bands(_read(network, there, dataset, backbone), there, on_purpose, backbone)
        else:
            order = typed if asked.train else _in_order_of(train, dataset.bands)
            test = plan_at_test(train, order, at_test, on_purpose, backbone)
    if test is None or test.sources == train.sources:
        sets = {} if train.sources == whole.sources else dict.fromkeys(("train", "test"), _called(trained_on))
        return Feeds(train=train, sets=sets)
    return Feeds(train=train, test=test, sets=_sets(train, test, dataset.bands))


def _by_name(asked: BandSets, dataset: Dataset, network: Backbone, backbone: str) -> Feeds:
    """Labels alone feed nothing; vectors that are found by the names of images need nothing."""
    if not isinstance(network, StoredEmbeddings):
        raise DoesNotApplyError(f"{backbone} reads pixels, and {dataset.name} has labels alone. Say --data DIR")
    if asked.train or asked.differ:
        raise DoesNotApplyError(f"{dataset.name} has labels alone, so there are no bands to choose among")
    names = tuple(band.name for band in dataset.bands)
    return Feeds(train=BandPlan(requested=names, sources=(None,) * len(names)))


def _at_test(asked: BandSets, dataset: Dataset, trained_on: Sequence[Band], backbone: str) -> Sequence[Band]:
    """The bands that are there at test."""
    if asked.dropped is None:
        return choose_bands(asked.test, dataset.bands, f"{dataset.name}, --test-bands")
    dropped = choose_bands((asked.dropped,), dataset.bands, f"{dataset.name}, --drop-bands")
    left = [band for band in trained_on if band not in dropped]
    if len(left) == len(trained_on):
        raise NotReadError(f"{backbone} is not fed from {asked.dropped} in training, so nothing changes without it")
    if not left:
        raise DoesNotApplyError(f"{backbone} is fed from {asked.dropped} alone; without it nothing is left")
    return left


def _sets(train: BandPlan, test: BandPlan, bands: Sequence[Band]) -> dict[str, Sequence[str]]:
    """The bands that feed, by name, so that asking for `train` and `test` gives the same plans again.

    First those that go on, last those that nothing takes over from or that only fill in, both in the dataset's order;
    between them bands that hand over to new ones, and these, in the order of the inputs that they share.
    """
    over, new = [], []
    if train.requested == test.requested:
        for name, before, after in zip(train.requested, train.sources, test.sources, strict=True):
            if before != after and name not in train.filled and name not in test.filled:
                over.append(before)
                new.append(after)
    by_name = {source for name, source in zip(test.requested, test.sources, strict=True) if name not in test.filled}
    return {
        "train": _called(_ordered(bands, train.sources, over, going_on=test.sources)),
        "test": _called(_ordered(bands, test.sources, new, going_on=by_name)),
    }


def _ordered(
    bands: Sequence[Band],
    channels: Collection[str | None],
    shared: Sequence[str | None],
    going_on: Collection[str | None],
) -> list[Band]:
    """The bands of some channels: those that go on, those that share an input with others, the rest."""

    def place(item: tuple[int, Band]) -> tuple[int, int]:
        position, band = item
        if band.channel in shared:
            return 1, shared.index(band.channel)
        return (0 if band.channel in going_on else 2), position

    return [band for _, band in sorted(enumerate(bands), key=place) if band.channel in channels]


def _in_order_of(plan: BandPlan, bands: Sequence[Band]) -> list[Band]:
    """The bands that feed, in the order of the inputs."""
    of_channel = {band.channel: band for band in bands}
    return [of_channel[source] for source in dict.fromkeys(plan.sources) if source is not None]


def _read(network: Backbone, there: Sequence[Band], dataset: Dataset, backbone: str) -> tuple[str, ...]:
    """The names a backbone asks for: its own, or those it reads of the bands that are there."""
    if network.inputs.bands:
        return network.inputs.bands
    names = tuple(band.name for band in there)
    known = describe_bands(dataset, names, [band.channel for band in there])
    read = tuple(names[i] for i in network.reads(known))
    if not read:
        raise DoesNotApplyError(f"{backbone} reads none of the bands of {dataset.name}: {' '.join(_called(there))}")
    return read


def _called(bands: Sequence[Band]) -> tuple[str, ...]:
    """Their canonical names, where they have such."""
    return tuple(canonical_name(band) or band.name for band in bands)
