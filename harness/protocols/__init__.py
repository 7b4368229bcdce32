"""Protocols: how a backbone becomes predictions. To add one: a file here and a line in `PROTOCOLS`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.protocols import fine_tune
from harness.protocols.area import few_shot_area
from harness.protocols.image import few_shot, few_shot_ridge, knn, linear_probe
from harness.protocols.image.linear_probe_sgd import LinearProbeSgdSettings, linear_probe_sgd
from harness.protocols.masks import conv_probe, linear_probe_masks
from harness.records.labels import LabelKind
from harness.records.outcome import Outcome, Range
from harness.records.run import Selection
from harness.training import recipe


@dataclass(frozen=True)
class Search:
    """How `--trials` tunes a protocol: the same for every backbone."""

    space: Mapping[str, Range]
    """Fields of its settings. Its settings also have `trials`, which makes their number part of a run's identity."""
    curve: Callable[[Any, Any, int], Iterator[float]]
    """(material, settings, seed) -> the headline metric on valid as one training goes on."""


@dataclass(frozen=True)
class ProtocolEntry:
    """A protocol with the settings it runs with; they are part of a run's identity."""

    settings: Any
    """A frozen dataclass with a `version`; JSON-able."""
    function: Callable[[Any, Any, int], Outcome]
    """Of a `Material`, where labels are masks a `PixelMaterial`, of an `ImageMaterial` if it trains the backbone; the
    settings and the run's seed."""
    label_kinds: frozenset[LabelKind]
    selections: frozenset[Selection]
    """Ways it can choose its hyper-parameters; NONE alone: it has none to choose."""
    uses_seed: bool = True
    """Whether it may predict otherwise from the same features, labels and settings with another seed."""
    few_labels: bool = False
    """Runs on draws of few labels, `--shots` and `--budgets`, instead of `--partitions`."""
    trains_backbone: bool = False
    uses_all_cores: bool = False
    """Or the GPU, as those do that train the backbone. Others keep one core busy where train is small."""
    predicts_areas: bool = False
    """Predicts which fraction of an image each class covers instead of its mask; gets an `AreaMaterial`."""
    search: Search | None = None
    """None: there is nothing to tune by trials."""
    images_read: Callable[[Any, Selection, int, int, int, int], int] | None = None
    """(settings, selection, images of train, of valid, of test, bytes of one) -> how many images' stored features a run
    reads. None: each once or so."""

    @property
    def reads_pixel_features(self) -> bool:
        """Whether it gets a `PixelMaterial`."""
        return LabelKind.SEGMENTATION in self.label_kinds and not (self.predicts_areas or self.trains_backbone)

    def with_trials(self, trials: int) -> Any:
        """The settings of a run for which so many trials were asked."""
        return replace(self.settings, trials=trials) if self.search else self.settings

    def selection(self, asked: Selection) -> Selection | None:
        """How a run chooses: as asked, or not at all, so that asking it nothing in two ways makes one run.

        One that only ever chooses inside train does so: it costs no label. None: it must choose and cannot in the way
        asked.
        """
        if asked in self.selections:
            return asked
        if self.selections == {Selection.CV}:
            return Selection.CV
        return Selection.NONE if Selection.NONE in self.selections else None


_CLASSIFICATION = frozenset({LabelKind.SINGLE_LABEL, LabelKind.MULTI_LABEL})
_ANY = frozenset(Selection)
_NOTHING = frozenset({Selection.NONE})
_MASKS = frozenset({LabelKind.SEGMENTATION})
_VALID_OR_LAST = frozenset({Selection.VALID, Selection.NONE})

_FINE_TUNE_SEARCH = Search(
    space={
        "rate": Range(low=1e-4, high=1e-2, log=True),
        "weight_decay": Range(low=1e-3, high=0.5, log=True),
        "drop_path": Range(low=0.0, high=0.3),
        "layer_decay": Range(low=0.6, high=1.0),
    },
    curve=fine_tune.valid_curve,
)

PROTOCOLS: dict[str, ProtocolEntry] = {
    "linear_probe": ProtocolEntry(
        linear_probe.LinearProbeSettings(), linear_probe.linear_probe, _CLASSIFICATION, _ANY, uses_seed=False
    ),
    # Its k is fixed unless train's own labels choose it: looking at valid would cost labels for little.
    "knn": ProtocolEntry(
        knn.KnnSettings(), knn.knn, _CLASSIFICATION, frozenset({Selection.CV, Selection.NONE}), uses_seed=False
    ),
    # As published for whole datasets, for subsets of m-bigearthnet and m-so2sat, and for subsets of m-eurosat.
    "linear_probe_sgd": ProtocolEntry(
        LinearProbeSgdSettings(), linear_probe_sgd, _CLASSIFICATION, _NOTHING, uses_all_cores=True
    ),
    "linear_probe_sgd_32": ProtocolEntry(
        LinearProbeSgdSettings(batch_size=32, accumulation=1), linear_probe_sgd, _CLASSIFICATION, _NOTHING
    ),
    "linear_probe_sgd_8": ProtocolEntry(
        LinearProbeSgdSettings(batch_size=8, accumulation=1), linear_probe_sgd, _CLASSIFICATION, _NOTHING
    ),
    "few_shot": ProtocolEntry(
        linear_probe.LinearProbeSettings(), few_shot.few_shot, _CLASSIFICATION, _ANY, uses_seed=False, few_labels=True
    ),
    "few_shot_nearest_mean": ProtocolEntry(
        few_shot.NearestMeanSettings(),
        few_shot.few_shot_nearest_mean,
        _CLASSIFICATION,
        _NOTHING,
        uses_seed=False,
        few_labels=True,
    ),
    "few_shot_forest": ProtocolEntry(
        few_shot.ForestSettings(), few_shot.few_shot_forest, _CLASSIFICATION, _NOTHING, few_labels=True
    ),
    "few_shot_ridge": ProtocolEntry(
        few_shot_ridge.RidgeSettings(),
        few_shot_ridge.few_shot_ridge,
        _CLASSIFICATION,
        _ANY,
        uses_seed=False,
        few_labels=True,
    ),
    "fine_tune": ProtocolEntry(
        recipe.FineTuneSettings(),
        fine_tune.fine_tune,
        _CLASSIFICATION,
        _VALID_OR_LAST,
        trains_backbone=True,
        search=_FINE_TUNE_SEARCH,
    ),
    # As published: fixed settings, the last network.
    "fine_tune_published": ProtocolEntry(
        recipe.PUBLISHED, fine_tune.fine_tune, _CLASSIFICATION, _NOTHING, trains_backbone=True
    ),
}

MASK_PROTOCOLS: dict[str, ProtocolEntry] = {
    "linear_probe": ProtocolEntry(
        linear_probe_masks.LinearProbeMasksSettings(),
        linear_probe_masks.linear_probe_masks,
        _MASKS,
        selections=frozenset({Selection.VALID, Selection.CV}),
    ),
    "conv_probe": ProtocolEntry(
        conv_probe.ConvProbeSettings(),
        conv_probe.conv_probe,
        _MASKS,
        _VALID_OR_LAST,
        uses_all_cores=True,
        images_read=conv_probe.images_read,
    ),
    "fine_tune": ProtocolEntry(
        recipe.MASK_DEFAULTS,
        fine_tune.fine_tune,
        _MASKS,
        _VALID_OR_LAST,
        trains_backbone=True,
        search=_FINE_TUNE_SEARCH,
    ),
    # As published: fixed settings, the last network.
    "fine_tune_published": ProtocolEntry(
        recipe.PUBLISHED_MASKS, fine_tune.fine_tune, _MASKS, _NOTHING, trains_backbone=True
    ),
    # Leave-one-out has a closed form here: there is no reason to look at valid.
    "few_shot_area": ProtocolEntry(
        few_shot_area.AreaSettings(),
        few_shot_area.few_shot_area,
        _MASKS,
        selections=frozenset({Selection.CV}),
        uses_seed=False,
        few_labels=True,
        predicts_areas=True,
    ),
}
"""What a name means where labels are masks; one that is absent takes no masks."""

PROTOCOL_NAMES = tuple({**PROTOCOLS, **MASK_PROTOCOLS})
"""In the order shown. A name that is in one table only takes only that table's kinds of labels."""


def runs_on_few_labels(name: str) -> bool:
    """Whether a protocol runs on draws of few labels instead of partitions, whatever the kind of labels."""
    return any(table[name].few_labels for table in (PROTOCOLS, MASK_PROTOCOLS) if name in table)


def trains_backbone(name: str) -> bool:
    """Whether a protocol trains the backbone itself, whatever the kind of labels."""
    return any(table[name].trains_backbone for table in (PROTOCOLS, MASK_PROTOCOLS) if name in table)


def find_protocol(name: str, label_kind: LabelKind) -> ProtocolEntry | None:
    """What a protocol does with a kind of labels; None if it does not take them."""
    entry = (MASK_PROTOCOLS if label_kind is LabelKind.SEGMENTATION else PROTOCOLS).get(name)
    return entry if entry and label_kind in entry.label_kinds else None
