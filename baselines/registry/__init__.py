"""Every backbone that can be named: built in, registered by an installed package, in a file, or by a scheme.

| name | is |
| --- | --- |
| `mp_mae` | an entry of `BACKBONES` |
| `my_model` | an entry point of group `mp_mae_bench.backbones`, in any installed package |
| `clip?embedding=average` | an entry of `BACKBONES`, with what is wished for |
| `path/my_model.py:build` | a function of a Python file that the user names |
| `first=mp_mae` | a checkpoint of a backbone, under a name that the user chooses |
| `embeddings:FILE.parquet` | vectors that were made elsewhere |
| `timm:resnet18`, `torchgeo:ResNet50_Weights.SENTINEL2_ALL_MOCO` | whatever the scheme makes of the rest |
| any other | what a Python program holds under that name, while it runs it |

A name is checked without importing anything of anybody's. What goes wrong inside a plug-in goes wrong when its backbone
is built: for the runs that need it, and no others.
"""

import difflib
import re
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

from baselines.entry import Entry, plain_name
from baselines.registry.held import find_held
from baselines.registry.python_file import PythonFile, hash_code
from baselines.table import BACKBONES
from baselines.wishes import read_wishes
from mp_mae.errors import UserError
from mp_mae.files.plug_ins import find_plug_ins, package_of

GROUP = "mp_mae_bench.backbones"

SCHEMES = {
    "timm": "baselines.timm_models",
    "torchgeo": "baselines.foundation.torchgeo_models",
    "terratorch": "baselines.foundation.terratorch_models",
    "embeddings": "baselines.stored_embeddings",
}
"""What stands before a colon -> the module whose `find_entry(rest) -> Entry` knows the names behind it."""


def backbone_names() -> list[str]:
    """The names that stand for one backbone each: the built-in ones, then those of installed packages, sorted."""
    return [*BACKBONES, *sorted(find_plug_ins(GROUP).keys() - BACKBONES.keys())]


def check_name(name: str) -> None:
    """Refuse a name that stands for no backbone, or for two; nothing of a plug-in is imported.

    Raises:
        UserError: suggests the nearest name and lists all; or names the packages that contradict each other.
    """
    if find_held(name):
        return
    if checkpoint := _checkpoint(name):
        _of_checkpoint(*checkpoint)
        return
    if place := _python_function(name):
        PythonFile.read(place[0])
        return
    if scheme := _scheme(name):
        _of_scheme(*scheme)
        return
    if plain_name(name) in BACKBONES:
        _wished(name)
        name = plain_name(name)
    registered = find_plug_ins(GROUP).get(name, ())
    if name not in BACKBONES and not registered:
        names = backbone_names()
        nearest = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {nearest[0]}? " if nearest else ""
        forms = [*(f"{scheme}:NAME" for scheme in SCHEMES), "FILE.py:FUNCTION"]
        raise UserError(f"unknown backbone {name!r}. {hint}There are: {', '.join([*names, *forms])}")
    packages = sorted({package_of(point) for point in registered})
    if name in BACKBONES and packages:
        raise UserError(
            f"backbone {name} is built in, and {' and '.join(packages)} registers another of that name. Uninstall "
            f"{packages[0]}, or give its backbone another name"
        )
    if len(registered) > 1:
        raise UserError(
            f"backbone {name} is registered {len(registered)} times, by {' and '.join(packages)}. Uninstall all but one"
        )


def is_backbone(name: str) -> bool:
    """Whether `find_backbone` knows a name."""
    try:
        check_name(name)
    except UserError:
        return False
    return True


def find_backbone(name: str) -> Entry:
    """The entry of a backbone.

    One whose plug-in cannot be imported has an entry nevertheless, and fails when it is built.

    Raises:
        UserError: as `check_name`.
    """
    if held := find_held(name):
        return held
    if checkpoint := _checkpoint(name):
        return _of_checkpoint(*checkpoint)
    if place := _python_function(name):
        return _in_file(*place)
    if scheme := _scheme(name):
        return _of_scheme(*scheme)
    check_name(name)
    return _wished(name) if plain_name(name) in BACKBONES else _registered(find_plug_ins(GROUP)[name][0])


def stored_name(name: str) -> str:
    """What rows call a backbone: of `first=mp_mae` that is `first`, of `folder/my_model.py:build` without the folder.

    A name that stands for no backbone is called by itself.
    """
    return find_backbone(name).name if is_backbone(name) else name


def _checkpoint(name: str) -> tuple[str, str] | None:
    found = re.fullmatch(r"([\w.-]+)=(.+)", name)
    return (found[1], found[2]) if found else None


def _of_checkpoint(called: str, backbone: str) -> Entry:
    entry = find_backbone(backbone)
    if called in backbone_names():
        raise UserError(f"{called}={backbone}: {called} is a backbone itself. Call the checkpoint otherwise")
    if entry.weights == "none":
        raise UserError(f"{called}={backbone}: {backbone} takes no weights, so it has no checkpoints to be told apart")
    return replace(entry, name=called, checkpoint_of=backbone, weights="required", has_demo_weights=False)


def _wished(name: str) -> Entry:
    """A built-in entry with what is wished for behind its name."""
    entry = BACKBONES[plain_name(name)]
    _, wishes = read_wishes("", name, entry.wishes)
    return replace(entry, name=name, settings={**entry.settings, **wishes}) if wishes else entry


def _python_function(name: str) -> tuple[Path, str] | None:
    path, colon, function = name.rpartition(":")
    return (Path(path).expanduser(), function) if colon and path.endswith(".py") else None


def _scheme(name: str) -> tuple[str, str] | None:
    scheme, colon, rest = name.partition(":")
    return (SCHEMES[scheme], rest) if colon and scheme in SCHEMES else None


@cache
def _of_scheme(module: str, rest: str) -> Entry:
    entry: Entry = import_module(module).find_entry(rest)
    return entry


def _in_file(path: Path, named: str) -> Entry:
    """The entry in a file, or one of the function in it. It is called by the file's name, in whatever folder it is."""
    file = PythonFile.read(path)
    function = Entry(
        name=f"{path.name}:{named}",
        summary=f"{named} of the file {path.name}",
        module=path.name,
        function=named,
        file=file,
        weights="optional",
    )
    try:
        found = getattr(file.load(), named)
    except Exception:  # the file's own: it is raised again, and told, when its backbone is built
        return function
    return replace(found, name=function.name, module=path.name, file=file) if isinstance(found, Entry) else function


@cache
def _registered(point: EntryPoint) -> Entry:
    """The entry that a package registers, or one of the function that it registers."""
    function = Entry(
        name=point.name,
        summary=f"{point.value} of {package_of(point)}",
        module=point.module,
        function=point.attr,
        package=package_of(point),
        code_sha256=hash_code(point.module),
        weights="optional",
    )
    try:
        registered = point.load()
    except Exception:  # a plug-in's own: it is raised again, and told, when its backbone is built
        return function
    if isinstance(registered, Entry):
        return replace(registered, name=point.name, package=function.package, code_sha256=function.code_sha256)
    summary = " ".join((getattr(registered, "__doc__", None) or "").split("\n\n")[0].split())
    return replace(function, summary=summary or function.summary)
