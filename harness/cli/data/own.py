"""Images of somebody's own: how verbs find them, and `data import`, which keeps them as arrays."""

from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import typer

from harness.cli.options.own import (
    Bands,
    BlockKm,
    ClassNames,
    FitOfSize,
    GroupBy,
    LabelColumns,
    Labels,
    NameOfData,
    NoData,
    Size,
    Task,
    UnitOfPixels,
)
from harness.cli.options.run import CacheDir, Workers
from harness.cli.terminal import DEFAULT_CACHE, Debug, err, out, say, split_names, user_errors
from harness.errors import UserError

IMPORT_EXAMPLES = """Examples:

`python -m harness data import my_images --out kept`

`python -m harness data import chips --labels labels.csv --bands sentinel2-l2a-12 --out kept`

`python -m harness run --data kept`
"""
_LISTS = ("bands", "label_column", "class_names")
"""Settings of several words."""


def own_images(said: SimpleNamespace) -> tuple[Path, str]:
    """A root of data that holds the images below `--data` as a dataset, and its name; a table of it is printed. Without
    `--data` it is a dataset of the labels of `--labels` alone.

    Args:
        said: the options of a verb by their names.
    Raises:
        UserError: as `write_understood` and `read_settings`; or it is an import, and settings of it are said again.
    """
    from harness.data.own.importing import find_import
    from harness.show.overview import understood_table

    if said.data is None:
        table = Path(said.labels).expanduser()
        root = _understand(table.parent, _said(said) | {"labels": table.name}, said.cache_dir, alone=True)
        return root, root.name
    folder = said.data.expanduser()
    imported, again = find_import(folder), settings_said(said)
    if imported is None:
        root = _understand(folder, _said(said), said.cache_dir)
        return root, root.name
    if again:
        raise UserError(
            f"--data {folder}: was imported, with all that was said then; leave out {' '.join(again)}, or import the "
            "images again to another --out"
        )
    err.print(understood_table(imported, {}))
    return folder, imported.name


def import_images(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of images.")],
    target: Annotated[Path, typer.Option("--out", metavar="NEW", help="A folder to make, which --data then takes.")],
    labels: Labels = None,
    label_column: LabelColumns = None,
    task: Task = None,
    class_names: ClassNames = None,
    bands: Bands = None,
    unit: UnitOfPixels = None,
    no_data: NoData = None,
    fit: FitOfSize = None,
    size: Size = None,
    name: NameOfData = None,
    group_by: GroupBy = None,
    block_km: BlockKm = None,
    cache_dir: CacheDir = DEFAULT_CACHE,
    workers: Workers = None,
    debug: Debug = False,
) -> None:
    """Keep images of your own as arrays: NEW is a dataset that `run --data NEW` reads, without the images.

    What was understood is printed first, as by `run --data DIR`. The dataset is called NEW unless --name says
    otherwise. NEW is there whole or not at all; where it is there already, nothing is done.
    """
    said = SimpleNamespace(**locals())
    with user_errors(debug):
        from harness.campaign.defaults import default_workers
        from harness.data.own.importing import find_import, write_import
        from harness.show.progress_bars import RichProgress

        if find_import(directory.expanduser()):
            raise UserError(f"{directory}: is an import itself. Copy the folder")
        usual = target.expanduser().resolve().name
        root = _understand(directory.expanduser(), _said(said), cache_dir, usual_name=usual)
        with RichProgress(err) as progress:
            new = write_import(root, target.expanduser(), progress, workers or default_workers())
        if not new:
            say(err, f"{target} is there already, made of the same files by the same settings: nothing was done.")
        say(out, str(target))


def settings_said(said: SimpleNamespace) -> list[str]:
    """The options of images of one's own that were given."""
    from harness.data.own.settings import option

    return [option(key) for key, value in _said(said).items() if value not in (None, (), [])]


def _understand(
    folder: Path, said: dict[str, Any], cache_dir: Path, *, usual_name: str = "", alone: bool = False
) -> Path:
    """What `write_understood` returns; a table of it is printed, with where each setting is from.

    Args:
        usual_name: of the dataset, where nobody says one; empty: that of the folder.
        alone: whether there is a table of labels alone.
    """
    from harness.data.own.description import read_understood
    from harness.data.own.labels_alone import write_labels_alone
    from harness.data.own.settings import read_settings, where_said
    from harness.data.own.understand import FOLDER, write_understood
    from harness.show.overview import understood_table
    from harness.show.progress_bars import RichProgress

    settings = read_settings(folder, said)
    settings = settings.model_copy(update={"name": settings.name or usual_name})
    with RichProgress(err) as progress:
        root = (
            write_labels_alone(folder, settings, cache_dir)
            if alone
            else write_understood(folder, settings, cache_dir, progress)
        )
    err.print(understood_table(read_understood(root / FOLDER / root.name), where_said(folder, said)))
    return root


def _said(said: SimpleNamespace) -> dict[str, Any]:
    """The settings among the options of a verb, by their names. The seed of splits is no option: verbs have others."""
    from harness.data.own.settings import ImageSettings

    own = {key: getattr(said, key, None) for key in ImageSettings.model_fields if key != "seed"}
    return own | {key: split_names(own[key]) for key in _LISTS}
