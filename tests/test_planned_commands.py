"""Printed commands that compute for long are followed up to where the computing would begin.

Every `run` becomes a request, so that its names, protocols, settings, presets and weights are looked up; every verb of
`mp_mae` is parsed, and a training's settings are gathered. Nothing is built, and no data are read but a few own images.
"""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

import harness.cli.run
import harness.records.ray_wish
from baselines.registry import check_name
from command_line import harness as type_in
from harness.campaign.request import RunRequest
from mp_mae.cli.app import build_parser
from mp_mae.cli.pretrain import gather_settings
from own_images import write_classes
from test_executed_commands import SAID
from test_printed_commands import PRINTED

STANDS_FOR = {
    "NAME=FILE": "mp_mae=FILE",
    "NAME": "mp_mae",
}
FOLDERS = ("DIR", "demo_data", "areas_data")
NOT_PLANNED = re.compile(r"embeddings:")
"""Vectors that are read to be known; tests/baselines/test_stored_embeddings.py writes some."""

RUNS = list(
    dict.fromkeys(
        words
        for verb, words in SAID
        if verb == "run" and words and words != "--help" and "..." not in words and not NOT_PLANNED.search(words)
    )
)
OF_MP_MAE = list(
    dict.fromkeys(
        rest.strip()
        for program, rest in (said.values for said in PRINTED)
        if program == "mp_mae" and re.search(r"--out \S|(convert|export|push|curves|shards) \S+ \S", rest)
    )
)
"""Those with all that is required; a message may name a verb alone."""


def make_weights(words: list[str], folder: Path) -> None:
    """Files by the paths in `[NAME=]PATH[:BACKBONE]` behind `--weights`."""
    for option, word in pairwise(words):
        if option == "--weights" and (found := re.match(r"(?:[\w.-]+=)?([^:]+)", word)):
            (folder / found[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / found[1]).touch()


@pytest.mark.parametrize("words", RUNS)
def test_a_printed_run_becomes_a_request(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[RunRequest] = []
    monkeypatch.setattr(harness.cli.run, "_work", lambda request, *_: requests.append(request) or 0)
    monkeypatch.setattr(harness.cli.run, "data_root", lambda *_, **__: None)
    monkeypatch.setattr(harness.records.ray_wish, "find_spec", lambda _: object())  # an extra, that plans do without
    monkeypatch.setenv("HOME", str(tmp_path))
    if re.search(r"--datasets (?!demo)", words):
        monkeypatch.setenv("GEO_BENCH_DIR", "DIR")
    else:
        monkeypatch.delenv("GEO_BENCH_DIR", raising=False)
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    (tmp_path / "my_model.py").write_text("def build(weights, seed):\n    raise NotImplementedError\n")
    if own := re.search(r"--data ([\w/]+)", words):
        write_classes(tmp_path / own[1], n=6)
    typed = [STANDS_FOR.get(word, word) for word in shlex.split(words)]
    make_weights(typed, tmp_path)
    if not {"--backbone", "--preset", "--data", "--weights"} & set(typed):
        typed += ["--backbone", "mp_mae"]  # a text that is about other options
    done = type_in("run", *typed, *([] if "--cache-dir" in typed else ["--cache-dir", "cache"]), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (request,) = requests
    assert request.blocks[0].protocols
    for name in request.backbones:
        if "my_model" not in name:  # a file of that folder
            check_name(name)


@pytest.mark.parametrize("words", OF_MP_MAE)
def test_a_printed_verb_of_mp_mae_is_parsed(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r"--config (\S+)", words):
        (tmp_path / name).write_text('data = "data_1M_v001_64"\n')
    asked = build_parser().parse_args(shlex.split(words))
    if asked.verb.name == "pretrain":
        settings, *_ = gather_settings(asked)
        told = re.search(r"--epochs (\d+)", words)
        assert told is None or settings.epochs == int(told[1])


def test_there_are_such_commands() -> None:
    assert len(RUNS) > 30
    assert len(OF_MP_MAE) > 20
