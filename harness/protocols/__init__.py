"""Protocols: how a backbone becomes predictions. To add one: a file here and a line in the table of its labels."""

from harness.protocols import fine_tune
from harness.protocols.area import few_shot_area
from harness.protocols.entry import Need, ProtocolEntry, SearchSpace
from harness.protocols.image import (
    few_shot,
    few_shot_boosting,
    few_shot_ridge,
    knn,
    linear_probe,
    linear_probe_regression,
    ridge,
)
from harness.protocols.image.linear_probe_sgd import LinearProbeSgdSettings, linear_probe_sgd
from harness.protocols.masks import conv_probe, linear_probe_masks, linear_probe_pixel_regression
from harness.records.labels import LabelKind
from harness.records.outcome import Range
from harness.records.run import Selection
from harness.training import recipe

_CLASSIFICATION = frozenset({LabelKind.SINGLE_LABEL, LabelKind.MULTI_LABEL})
_MASKS = frozenset({LabelKind.SEGMENTATION})
_NUMBERS = frozenset({LabelKind.REGRESSION})
_PIXEL_NUMBERS = frozenset({LabelKind.PIXEL_REGRESSION})
_ANY = frozenset(Selection)
_NOTHING = frozenset({Selection.NONE})
_INSIDE_TRAIN = frozenset({Selection.CV, Selection.NONE})
_VALID_OR_LAST = frozenset({Selection.VALID, Selection.NONE})

_FINE_TUNE_SEARCH = SearchSpace(
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
        settings=linear_probe.LinearProbeSettings(),
        function=linear_probe.linear_probe,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_CLASSIFICATION,
        selections=_ANY,
        uses_seed=False,
    ),
    # Its k is fixed unless train's own labels choose it: looking at valid would cost labels for little.
    "knn": ProtocolEntry(
        settings=knn.KnnSettings(),
        function=knn.knn,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_CLASSIFICATION,
        selections=_INSIDE_TRAIN,
        uses_seed=False,
    ),
    # As published for whole datasets, for subsets of m-bigearthnet and m-so2sat, and for subsets of m-eurosat.
    "linear_probe_sgd": ProtocolEntry(
        settings=LinearProbeSgdSettings(),
        function=linear_probe_sgd,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_CLASSIFICATION,
        selections=_NOTHING,
        many_cores=True,
    ),
    "linear_probe_sgd_32": ProtocolEntry(
        settings=LinearProbeSgdSettings(batch_size=32, accumulation=1),
        function=linear_probe_sgd,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_CLASSIFICATION,
        selections=_NOTHING,
    ),
    "linear_probe_sgd_8": ProtocolEntry(
        settings=LinearProbeSgdSettings(batch_size=8, accumulation=1),
        function=linear_probe_sgd,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_CLASSIFICATION,
        selections=_NOTHING,
    ),
    "few_shot": ProtocolEntry(
        settings=linear_probe.LinearProbeSettings(),
        function=few_shot.few_shot,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_CLASSIFICATION,
        selections=_ANY,
        uses_seed=False,
        few_labels=True,
    ),
    "few_shot_nearest_mean": ProtocolEntry(
        settings=few_shot.NearestMeanSettings(),
        function=few_shot.few_shot_nearest_mean,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_CLASSIFICATION,
        selections=_NOTHING,
        uses_seed=False,
        few_labels=True,
    ),
    "few_shot_forest": ProtocolEntry(
        settings=few_shot.ForestSettings(),
        function=few_shot.few_shot_forest,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_CLASSIFICATION,
        selections=_NOTHING,
        few_labels=True,
    ),
    "few_shot_ridge": ProtocolEntry(
        settings=ridge.RidgeSettings(),
        function=few_shot_ridge.few_shot_ridge,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_CLASSIFICATION,
        selections=_ANY,
        uses_seed=False,
        few_labels=True,
    ),
    "few_shot_boosting": ProtocolEntry(
        settings=few_shot_boosting.BoostingSettings(),
        function=few_shot_boosting.few_shot_boosting,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_CLASSIFICATION,
        selections=_NOTHING,
        few_labels=True,
    ),
    "fine_tune": ProtocolEntry(
        settings=recipe.FineTuneSettings(),
        function=fine_tune.fine_tune,
        needs=Need.PIXELS,
        label_kinds=_CLASSIFICATION,
        selections=_VALID_OR_LAST,
        search=_FINE_TUNE_SEARCH,
    ),
    # As published: fixed settings, the last network.
    "fine_tune_published": ProtocolEntry(
        settings=recipe.PUBLISHED,
        function=fine_tune.fine_tune,
        needs=Need.PIXELS,
        label_kinds=_CLASSIFICATION,
        selections=_NOTHING,
    ),
}
"""What a name means where labels are classes of images."""

MASK_PROTOCOLS: dict[str, ProtocolEntry] = {
    "linear_probe": ProtocolEntry(
        settings=linear_probe_masks.LinearProbeMasksSettings(),
        function=linear_probe_masks.linear_probe_masks,
        needs=Need.PIXEL_FEATURES,
        label_kinds=_MASKS,
        selections=frozenset({Selection.VALID, Selection.CV}),
    ),
    "conv_probe": ProtocolEntry(
        settings=conv_probe.ConvProbeSettings(),
        function=conv_probe.conv_probe,
        needs=Need.PIXEL_FEATURES,
        label_kinds=_MASKS,
        selections=_VALID_OR_LAST,
        many_cores=True,
        images_read=conv_probe.images_read,
    ),
    "fine_tune": ProtocolEntry(
        settings=recipe.MASK_DEFAULTS,
        function=fine_tune.fine_tune,
        needs=Need.PIXELS,
        label_kinds=_MASKS,
        selections=_VALID_OR_LAST,
        search=_FINE_TUNE_SEARCH,
    ),
    # As published: fixed settings, the last network.
    "fine_tune_published": ProtocolEntry(
        settings=recipe.PUBLISHED_MASKS,
        function=fine_tune.fine_tune,
        needs=Need.PIXELS,
        label_kinds=_MASKS,
        selections=_NOTHING,
    ),
    # Leave-one-out has a closed form here: there is no reason to look at valid.
    "few_shot_area": ProtocolEntry(
        settings=few_shot_area.AreaSettings(),
        function=few_shot_area.few_shot_area,
        needs=Need.AREAS,
        label_kinds=_MASKS,
        selections=frozenset({Selection.CV}),
        uses_seed=False,
        few_labels=True,
    ),
}
"""What a name means where labels are masks."""

NUMBER_PROTOCOLS: dict[str, ProtocolEntry] = {
    "linear_probe": ProtocolEntry(
        settings=linear_probe_regression.LinearProbeRegressionSettings(),
        function=linear_probe_regression.linear_probe_regression,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_NUMBERS,
        selections=_ANY,
        uses_seed=False,
    ),
    "knn": ProtocolEntry(
        settings=knn.KnnSettings(),
        function=knn.knn,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_NUMBERS,
        selections=_INSIDE_TRAIN,
        uses_seed=False,
    ),
    "few_shot": ProtocolEntry(
        settings=linear_probe_regression.LinearProbeRegressionSettings(),
        function=linear_probe_regression.linear_probe_regression,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_NUMBERS,
        selections=_ANY,
        uses_seed=False,
        few_labels=True,
    ),
    "few_shot_forest": ProtocolEntry(
        settings=few_shot.ForestSettings(),
        function=few_shot.few_shot_forest,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_NUMBERS,
        selections=_NOTHING,
        few_labels=True,
    ),
    "few_shot_boosting": ProtocolEntry(
        settings=few_shot_boosting.BoostingSettings(),
        function=few_shot_boosting.few_shot_boosting,
        needs=Need.IMAGE_FEATURES,
        label_kinds=_NUMBERS,
        selections=_NOTHING,
        few_labels=True,
    ),
    "fine_tune": ProtocolEntry(
        settings=recipe.NUMBER_DEFAULTS,
        function=fine_tune.fine_tune,
        needs=Need.PIXELS,
        label_kinds=_NUMBERS,
        selections=_VALID_OR_LAST,
        search=_FINE_TUNE_SEARCH,
    ),
}
"""What a name means where labels are numbers of images."""

PIXEL_NUMBER_PROTOCOLS: dict[str, ProtocolEntry] = {
    "linear_probe": ProtocolEntry(
        settings=linear_probe_pixel_regression.LinearProbePixelRegressionSettings(),
        function=linear_probe_pixel_regression.linear_probe_pixel_regression,
        needs=Need.PIXEL_FEATURES,
        label_kinds=_PIXEL_NUMBERS,
        selections=_ANY,
    ),
    "fine_tune": ProtocolEntry(
        settings=recipe.MASK_DEFAULTS,
        function=fine_tune.fine_tune,
        needs=Need.PIXELS,
        label_kinds=_PIXEL_NUMBERS,
        selections=_VALID_OR_LAST,
        search=_FINE_TUNE_SEARCH,
    ),
}
"""What a name means where labels are a number a pixel."""

TABLES: dict[LabelKind, dict[str, ProtocolEntry]] = {
    LabelKind.SINGLE_LABEL: PROTOCOLS,
    LabelKind.MULTI_LABEL: PROTOCOLS,
    LabelKind.SEGMENTATION: MASK_PROTOCOLS,
    LabelKind.REGRESSION: NUMBER_PROTOCOLS,
    LabelKind.PIXEL_REGRESSION: PIXEL_NUMBER_PROTOCOLS,
}
"""The protocols of each kind of labels; a name that is absent there does not take them."""

PROTOCOL_NAMES = tuple(dict.fromkeys(name for table in TABLES.values() for name in table))
"""In the order shown."""


def runs_on_few_labels(name: str) -> bool:
    """Whether a protocol runs on draws of few labels instead of partitions, whatever the kind of labels."""
    return any(table[name].few_labels for table in TABLES.values() if name in table)


def trains_backbone(name: str) -> bool:
    """Whether a protocol trains the backbone itself, whatever the kind of labels."""
    return any(table[name].trains_backbone for table in TABLES.values() if name in table)


def find_protocol(name: str, label_kind: LabelKind) -> ProtocolEntry | None:
    """What a protocol does with a kind of labels; None if it does not take them."""
    return TABLES[label_kind].get(name)
