"""`data download` and `data verify`: pretraining data and MMEarth's own weights, fetched and looked through."""

import argparse
from pathlib import Path

from mp_mae.cli.counting import Counting
from mp_mae.cli.verb import describe_encoder, err, say
from mp_mae.errors import UserError
from mp_mae.files.listing import paths_in

EXAMPLES = """
pretraining data into DIR/data_1M_v001_64; interrupted, the same command goes on from there:
  python -m mp_mae data download mmearth64 --out DIR
official weights, from a mirror:
  python -m mp_mae data download pt-all_mod_atto_1M_64_uncertainty_56-8 --out DIR --base-url https://mirror/weights
every value read, statistics compared with the stored ones:
  python -m mp_mae data verify DIR/data_1M_v001_64
images of your own, without labels, to pretrain on (data import --help says all of it):
  python -m mp_mae data import pictures --out data/pictures"""


def add_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add them to those of `data`."""
    download = verbs.add_parser("download", help="fetch data or weights by name, whole or not at all")
    download.add_argument("names", metavar="NAME,...", help="mmearth64, mmearth100k, mmearth, or weights by name")
    download.add_argument("--out", type=Path, required=True, help="folder that gets a folder for each name")
    download.add_argument("--base-url", metavar="URL", help="fetch from there (default $MP_MAE_BASE_URL)")
    download.add_argument("--timeout", type=float, default=60.0, metavar="S", help="seconds of silence (default 60)")
    download.set_defaults(act=_download)
    verify = verbs.add_parser("verify", help="read everything, and compare statistics with the stored ones")
    verify.add_argument("path", type=Path, help="folder of an MMEarth dataset, or of official weights")
    verify.set_defaults(act=_verify)


def _download(args: argparse.Namespace) -> None:
    from mp_mae.downloads.bars import TransferBars  # noqa: PLC0415 - a verb imports what it needs
    from mp_mae.downloads.published import PRETRAINING, find  # noqa: PLC0415
    from mp_mae.downloads.telling import download_all  # noqa: PLC0415

    wanted = find([name.strip() for name in args.names.split(",") if name.strip()], PRETRAINING)
    with TransferBars(err) as bars:
        failed = download_all(wanted, args.out, args.base_url, args.timeout, bars, say)
    if failed:
        raise UserError("\n".join(failed))


def _verify(args: argparse.Namespace) -> None:
    path: Path = args.path
    weights = [path] if path.is_file() else paths_in(path, "*.pth")
    if weights:
        from mp_mae.checkpoint import load_checkpoint  # noqa: PLC0415 - imports torch

        for file in weights:
            say(describe_encoder(file, load_checkpoint(file)))
        return
    from mp_mae.data.checking.mmearth import check_mmearth  # noqa: PLC0415 - imports h5py
    from mp_mae.data.checking.moments import TOLERANCE  # noqa: PLC0415

    with Counting(err) as counting:
        checked = check_mmearth(path, lambda done, total: counting.report("tiles", done, total))
    if checked.missing:
        say(f"{path}: without {', '.join(checked.missing)}, which MMEarth has")
    if checked.problems:
        raise UserError("\n".join(checked.problems))
    say(
        f"{path}: {checked.n_tiles:,} tiles read; means and deviations of {checked.n_compared} bands are within "
        f"{TOLERANCE:g} std of the stored ones"
    )
