"""The verbs about vectors of images: `embeddings` draws them, `embed` writes them."""

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.data.own import own_images, settings_said
from harness.cli.options.embeddings import ColourBy, DatasetName, Limit, OfSplit, Seed, Shown, SplitName, Target
from harness.cli.options.own import (
    Bands,
    BlockKm,
    ClassNames,
    Data,
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
from harness.cli.options.run import CacheDir, Device, Missing, Weights
from harness.cli.options.words import split_backbones, split_weights
from harness.cli.terminal import (
    DEFAULT_CACHE,
    EVALUATING,
    READING,
    Debug,
    GeobenchDir,
    data_place,
    data_root,
    err,
    out,
    say,
    user_errors,
)
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.show.embeddings.look import Look

_EXAMPLES = """Examples:

`python -m harness embeddings --backbone mp_mae --dataset demo-landcover --out map.html`

`python -m harness embeddings --backbone mp_mae --backbone random_init_demo --dataset demo-climate --out map.png`

`python -m harness embeddings --backbone image_statistics --dataset demo-crops --colour-by maize --out map.png`

An untrained network beside a trained one shows what the pixels alone do: compare the numbers, not the pictures.
"""

_EMBED_EXAMPLES = """Examples:

`python -m harness embed --backbone imagenet_lite --data my_images --out vectors.parquet`

`python -m harness run --data my_images --backbone embeddings:vectors.parquet --backbone image_statistics`
"""


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to the command line."""
    app.command(rich_help_panel=READING, epilog=_EXAMPLES)(embeddings)
    app.command(rich_help_panel=EVALUATING, epilog=_EMBED_EXAMPLES)(embed)


def embeddings(
    backbone: Shown,
    dataset: DatasetName,
    target: Target,
    colour_by: ColourBy = "label",
    split: OfSplit = SplitName.test,
    limit: Limit = 2000,
    seed: Seed = 0,
    weights: Weights = None,
    geobench_dir: GeobenchDir = None,
    missing_bands: Missing = None,
    cache_dir: CacheDir = DEFAULT_CACHE,
    device: Device = "auto",
    debug: Debug = False,
) -> None:
    """Look at an embedding space: PCA and t-SNE of where backbones put the images of a dataset.

    In a page each point shows its image. Beside every picture stand numbers, because neighbours in a picture need not
    be neighbours in the space: how many of an image's nearest have its label, and the picture's trustworthiness.

    Features are those that `run` uses and keeps; the whole dataset is embedded if that has not happened yet.
    """
    with user_errors(debug):
        from harness.campaign.request import make_request
        from harness.data.band_matching import MissingBands
        from harness.data.suites import has_no_data
        from harness.records.run import Selection, TrainDraw
        from harness.show.embeddings.look import look_at
        from harness.show.embeddings.write import check_target, write_look
        from harness.show.progress_bars import RichProgress

        check_target(target)
        demo = has_no_data(geobench_dir)
        request = make_request(
            backbones=split_backbones(backbone),
            weights=split_weights(weights),
            geobench_dir=data_place(geobench_dir, cache_dir, demo=demo),
            datasets=(dataset,),
            protocols=("linear_probe",),
            partitions=("default",),
            seeds=(seed,),
            train_draw=TrainDraw.PARTITION,
            selection=Selection.VALID,
            shots=(),
            budgets=(),
            missing_bands=missing_bands or MissingBands.ERROR,
            db=target,
            cache_dir=cache_dir,
            device=device,
        )
        data_root(geobench_dir, cache_dir, demo=demo)
        with RichProgress(err) as progress:
            look = look_at(request, split.value, limit, colour_by, progress)
            write_look(look, target)
        _tell(look)
        say(err, f"Wrote {target} ({target.stat().st_size / 1e6:.1f} MB).")


def embed(
    backbone: Annotated[str, typer.Option(metavar="NAME", help="The one that embeds.")],
    target: Annotated[Path, typer.Option("--out", metavar="FILE.parquet", help="Where to write.")],
    data: Data = None,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of GEO-Bench's datasets, without --data.")
    ] = None,
    seed: Seed = 0,
    weights: Weights = None,
    geobench_dir: GeobenchDir = None,
    missing_bands: Missing = None,
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
    device: Device = "auto",
    debug: Debug = False,
) -> None:
    """Write the vector of every image, for other programs and for `run --backbone embeddings:FILE.parquet`.

    A row an image: `sample`, `split` and `embedding`. What made them is in the file's own metadata.
    """
    said = SimpleNamespace(**locals())
    with user_errors(debug):
        from baselines.registry import check_name
        from harness.api.features import features
        from harness.store.vectors import write_vectors

        if (data is None) == (dataset is None):
            raise UserError("say whose images: --data DIR, or --dataset NAME of those of --geobench-dir")
        if dataset and (given := settings_said(said)):
            raise UserError(f"{given[0]}: is of images of your own. Say --data DIR instead of --dataset")
        if target.suffix != ".parquet":
            raise UserError(f"--out {target}: a file that ends in .parquet is wanted")
        check_name(backbone)  # before every image is looked at
        root, images = (geobench_dir, dataset) if dataset else own_images(said)
        options = {"geobench_dir": root, "cache_dir": cache_dir, "device": device, "missing_bands": missing_bands}
        made = features(backbone, images, seed=seed, weights=split_weights(weights), **options)
        told = {"backbone": backbone, "dataset": images, "seed": str(seed), "weights": " ".join(weights or ())}
        write_vectors(target, made.names, made.splits, made.vectors, told)
        say(err, f"Wrote {target}: {len(made.names)} vectors of {made.vectors.shape[1]} numbers.")


def _tell(look: "Look") -> None:
    from harness.show.embeddings.tables import agreement_table

    out.print(agreement_table(look))
