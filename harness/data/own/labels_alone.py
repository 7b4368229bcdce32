"""A table of names and labels without images: enough where vectors of these names were made elsewhere."""

from pathlib import Path

import numpy as np

from harness.data.description import NO_PIXELS, Band
from harness.data.own.description import Understood
from harness.data.own.labels import read_labels
from harness.data.own.listing import rows_of_names
from harness.data.own.settings import ImageSettings
from harness.data.own.splits import draw_splits, folds, partitions_of
from harness.data.own.understand import groups_of, keep_understood, torn_groups
from harness.errors import UserError
from harness.records.labels import LabelKind
from harness.tasks import TASKS


def write_labels_alone(folder: Path, settings: ImageSettings, cache_dir: Path) -> Path:
    """As `understand.write_understood`, of the table `settings.labels` in a folder, whatever else lies there.

    Raises:
        UserError: the table or the settings do not fit, or its labels are of pixels.
    """
    return keep_understood(folder, (), settings, cache_dir, lambda name: _understand(folder, name, settings))


def _understand(folder: Path, name: str, settings: ImageSettings) -> Understood:
    rows = rows_of_names(settings.labels, folder)
    labels = read_labels(rows, settings, folder)
    if TASKS[labels.kind].per_pixel:
        raise UserError(f"--labels {settings.labels}: labels of pixels want images. Say --data DIR")
    groups, drawn = groups_of(rows, [None] * len(rows), settings)
    strata = np.array(labels.labels) if labels.kind is LabelKind.SINGLE_LABEL else None
    splits = draw_splits(rows, strata, groups, settings.seed)
    return Understood(
        name=name,
        root=folder.resolve(),
        label_kind=labels.kind,
        class_names=labels.class_names,
        mask_values=(),
        bands=(Band("none", NO_PIXELS),),
        dtype="uint8",
        examples=(),
        size_px=(1, 1),
        fit=settings.fit,
        n_fitted=0,
        files=tuple(row.file for row in rows),
        labels=labels.labels,
        places=(),
        partitions=partitions_of(splits, len(labels.class_names)) | folds(rows),
        drawn=drawn,
        notes=tuple(torn_groups(splits, groups)),
    )
