"""The options of `run`. What follows from the data where nothing is said is in `campaign.defaults.GridDefaults`.

Whatever takes NAME,... may also be repeated.
"""

from pathlib import Path
from typing import Annotated

from typer import Option

from harness.data.band_matching import MissingBands
from harness.records.ray_wish import ExecutorName
from harness.records.run import BandNames, NormalisationPolicy, Selection, TrainDraw

LEARNING, FED, WHERE = "How labels are drawn and learnt", "What a backbone is fed", "Where runs are done"
"""Headings of options."""

Backbones = Annotated[
    list[str] | None, Option(metavar="NAME,...", help="Backbones to evaluate, or `all` (see `backbones`).")
]
Alone = Annotated[
    bool,
    Option("--alone", help="On the demo suite: one backbone without image_statistics and random_init_demo beside it."),
]
PresetName = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="A named grid: mmearth-table reruns MMEarth's published table by its own recipes; geocross-classification "
        "and geocross-segmentation test on other bands than they train on (docs/bands.md). --datasets narrows it, "
        "--backbone replaces its backbones.",
    ),
]
Weights = Annotated[
    list[str] | None,
    Option(
        metavar="[NAME=]PATH,...",
        help="Weights: PATH of the one backbone that takes some; mp_mae=PATH; or first=PATH:mp_mae, one of several "
        "checkpoints, evaluated under a name of its own.",
    ),
]
Datasets = Annotated[
    list[str] | None,
    Option(
        metavar="NAME,...",
        help="Datasets, by name; by SUITE/NAME or FOLDER/NAME one of several that have a name. Default: all there are.",
    ),
]
Protocols = Annotated[
    list[str] | None,
    Option(
        metavar="NAME,...",
        help="Protocols: linear_probe, conv_probe, knn, few_shot, fine_tune ... (docs/protocols.md). Default: "
        "linear_probe,knn; on the demo suite few_shot too.",
    ),
]
Partitions = Annotated[
    list[str] | None,
    Option(metavar="NAME,...", help="Train partitions, or `all`. Default: default; on the demo suite 0.01x to 1.00x."),
]
Seeds = Annotated[
    list[str] | None, Option(metavar="N,...", help="Seeds; 0-9 are ten. Default: 0; on the demo suite 0-2.")
]
Draw = Annotated[
    TrainDraw | None,
    Option(
        rich_help_panel=LEARNING,
        help="Train on the samples a partition lists, or on as many drawn from default's by the seed. Default: "
        "partition; on the demo suite seed.",
    ),
]
Select = Annotated[
    Selection | None,
    Option(
        rich_help_panel=LEARNING,
        help="Choose hyper-parameters on valid, by cross-validation inside train, or keep the defaults. Default: "
        "valid; on the demo suite cv.",
    ),
]
Trials = Annotated[
    int,
    Option(
        rich_help_panel=LEARNING, help="Tune fine_tune by so many trials on valid (GEO-Bench: 16). 0: its defaults."
    ),
]
Settings = Annotated[
    list[str] | None,
    Option(
        "--set",
        rich_help_panel=LEARNING,
        metavar="SETTING=VALUE,...",
        help="Another value of a protocol's setting, for example fine_tune.epochs=5 (docs/protocols.md). Runs with it "
        "are runs of their own.",
    ),
]
Workers = Annotated[
    int | None,
    Option(
        min=1, help="Processes that do short runs side by side, 0.5 GB each. Default: one for each core, at most 8."
    ),
]
Shots = Annotated[
    list[str] | None,
    Option(
        rich_help_panel=LEARNING,
        metavar="K,...",
        help="Few-shot protocols: labels per class, by the seed; not of masks. Default: 1,2,5,10,20,50.",
    ),
]
Budgets = Annotated[
    list[str] | None,
    Option(
        rich_help_panel=LEARNING,
        metavar="N,...,all",
        help="Few-shot protocols: labelled images in all, drawn by the seed; `all`: every train image there is. "
        "Default: 50,100,200,500.",
    ),
]
Missing = Annotated[
    MissingBands | None,
    Option(
        rich_help_panel=FED,
        help="A band the dataset lacks: stop, take the one of nearest wavelength, or feed zeros. Default: error; of a "
        "preset nearest.",
    ),
]
_SET_OF_BANDS = "B4,B3,B2|S2|..."
TrainBands = Annotated[
    list[str] | None,
    Option(
        rich_help_panel=FED,
        metavar=_SET_OF_BANDS,
        help="Fit and choose as if the dataset had these bands alone; S1 and S2 are all of a sensor. May be repeated: "
        "each set is a run of its own. Default: all it has.",
    ),
]
TestBands = Annotated[
    list[str] | None,
    Option(
        rich_help_panel=FED,
        metavar=_SET_OF_BANDS,
        help="Bands at test, where those of training were lost: new ones take their places (docs/bands.md). May be "
        "repeated; the run whose test has the bands of training is always among them.",
    ),
]
DropBands = Annotated[
    list[str] | None,
    Option(
        rich_help_panel=FED,
        metavar="each|NAME,...",
        help="Lose one band at test, one after the other: these, or each that feeds the backbone. It is filled as "
        "--missing-bands says, by zeros unless told.",
    ),
]
NamesOfBands = Annotated[
    BandNames | None,
    Option(
        rich_help_panel=FED,
        help="Where published files are known to name their bands wrongly (see `datasets`): take the corrected "
        "names, or the stored ones, as published numbers did. Default: corrected; of a preset stored.",
    ),
]
InputSize = Annotated[
    str | None,
    Option(
        rich_help_panel=FED,
        metavar="N|native",
        help="Resample every image to N x N pixels before it is embedded, or to the size its backbone was trained "
        "with. Default: images keep their own size.",
    ),
]
IgnoreNoData = Annotated[
    bool,
    Option(
        "--ignore-nodata",
        rich_help_panel=FED,
        help="Masks: pixels in which no band has data are left out of training and metrics, as those without a label.",
    ),
]
Normalise = Annotated[
    NormalisationPolicy | None,
    Option(
        rich_help_panel=FED,
        help="Standardise by the dataset's statistics, by those the backbone was pretrained with, or not at all. "
        "Default: dataset; pretraining or none for a backbone that says so of itself.",
    ),
]
CacheDir = Annotated[Path, Option(help="Where converted datasets and features are kept.")]
CacheLimit = Annotated[
    str | None,
    Option(
        metavar="SIZE",
        help="What the cache may take, such as 100GB: what was not used for longest is removed before more is written. "
        "Default: what the disk has.",
    ),
]
VerifyData = Annotated[
    bool,
    Option(
        "--verify-data",
        help="Read every sample again and compare it with the arrays made of it earlier; convert anew what differs. "
        "Without it, only files whose size or times have changed are looked at.",
    ),
]
Executor = Annotated[
    ExecutorName,
    Option(
        rich_help_panel=WHERE,
        help="In processes of this machine, or on the nodes of a Ray cluster, which share --cache-dir and the data "
        "(docs/cluster.md).",
    ),
]
RayAddress = Annotated[
    str | None,
    Option(
        rich_help_panel=WHERE,
        metavar="auto|HOST:PORT",
        help="The Ray cluster: auto is the one this machine belongs to. Default: RAY_ADDRESS, or one started here.",
    ),
]
Device = Annotated[str, Option(help="auto, cpu, cuda, cuda:1 ...")]
ShardOf = Annotated[
    str | None,
    Option(
        "--shard",
        metavar="N/OF",
        help="Do one share of the grid, for example 3/16: runs that share features stay together. Give each share a "
        "--db of its own; `import` merges them (docs/cluster.md).",
    ),
]
RetryFailed = Annotated[
    bool,
    Option(
        "--retry-failed",
        help="Try again what failed three times in a row with the same message; other failures are tried again anyway "
        '(`sql "FROM failures"` lists them).',
    ),
]
DryRun = Annotated[
    bool,
    Option(
        "--dry-run", help="Only print what would run, what is there already, and how much time and disk it may take."
    ),
]
Verbose = Annotated[
    bool, Option("--verbose", help="Every reason why something did not run; with --dry-run a row for every run.")
]
