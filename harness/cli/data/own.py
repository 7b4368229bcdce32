"""How `run` and `embed` find images of somebody's own."""

from pathlib import Path
from types import SimpleNamespace

from harness.cli.terminal import err, split_names


def own_root(said: SimpleNamespace) -> Path:
    """A root of data that holds the images below `--data` as a dataset.

    Args:
        said: the options of `run` by their names.
    Raises:
        UserError: as `write_understood` and `read_settings`.
    """
    from harness.data.own.description import read_understood
    from harness.data.own.settings import ImageSettings, read_settings
    from harness.data.own.understand import FOLDER, write_understood
    from harness.show.overview import understood_table
    from harness.show.progress_bars import RichProgress

    folder = said.data.expanduser()
    own = {key: value for key, value in vars(said).items() if key in ImageSettings.model_fields}
    settings = read_settings(folder, own | {"bands": split_names(said.bands)})
    with RichProgress(err) as progress:
        root = write_understood(folder, settings, said.cache_dir, progress)
    err.print(understood_table(read_understood(root / FOLDER / root.name)))
    return root
