"""Processes of one training agree on its micro-batch and on where it starts, or none of them goes on."""

import json
from dataclasses import replace

import pytest

from generated_mmearth import write_mmearth
from mp_mae.errors import AgreedError, UserError
from mp_mae.model import MPMAE
from mp_mae.objective import Objective
from mp_mae.training.log import read_log
from mp_mae.training.processes.launch import check_launch, choose_precision, start_processes
from mp_mae.training.state import read_state
from pretraining_run import after, tiny_settings, train
from processes import pretrain_words, run_together

UNEQUAL_MEMORY = """
import mp_mae.training.plan
mp_mae.training.plan.micro_batch_limit = lambda per_tile, device, held: (1, 4)[int(os.environ["RANK"])]
"""


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=16, side=16)


@pytest.fixture
def settings(tiles):
    """Two steps of eight tiles."""
    return tiny_settings(tiles, preset=("lat",), size="demo", batch=8, epochs=1)


@pytest.mark.slow
def test_processes_with_different_memory_take_the_smallest_micro_batch_and_keep_it(settings, tmp_path):
    words = pretrain_words(settings, tmp_path / "run")
    printed = run_together(words, tmp_path, first=UNEQUAL_MEMORY)
    assert [code for code, _ in printed] == [0, 0], printed
    assert "batch 8 = 2 x 1 x 4 (processes x micro-batch x accumulation)" in printed[0][1]
    assert printed[1][1] == ""
    stored = json.loads((tmp_path / "run" / "checkpoints" / "step-00000002" / "state.json").read_text())["history"]
    assert (stored["processes"], stored["micro_batch"], stored["device"]) == (2, 1, "cpu")
    assert stored["packages"]["torch"]


@pytest.mark.slow
def test_a_checkpoint_that_one_process_alone_sees_is_refused_in_one_line(settings, tmp_path):
    train(settings, tmp_path / "here", stop=after(1))
    elsewhere = 'os.environ["RANK"] == "1" and sys.argv.__setitem__(sys.argv.index("--out") + 1, "elsewhere")'
    words = [*pretrain_words(settings, tmp_path / "here"), "--resume", "auto"]
    (first, said), second = run_together(words, tmp_path, first=elsewhere)
    assert first == 2, said
    (line,) = [line for line in said.splitlines() if "error" in line]
    assert line.startswith("error: process 1: elsewhere/checkpoints: the first process finds step 1, this one no")
    assert second == (2, "")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.slow
def test_processes_that_were_told_different_things_are_refused_in_one_line(settings, tmp_path):
    other = 'os.environ["RANK"] == "1" and sys.argv.append("--set=mask_ratio=0.25")'
    words = [word for word in pretrain_words(settings, tmp_path / "run") if "mask_ratio" not in word]
    (first, said), second = run_together(words, tmp_path, first=other)
    assert first == 2, said
    assert "error: process 1 differs from the first one in mask_ratio (0.25, the first one's 0.6)" in said
    assert second == (2, "")


@pytest.mark.slow
def test_all_processes_leave_a_step_that_one_of_them_is_asked_to_leave(settings, tmp_path):
    asked = """
import mp_mae.cli.pretrain
if os.environ["RANK"] == "1":
    asks = iter(range(1, 100))
    mp_mae.cli.pretrain.StopOnSigterm = type("Stop", (), {"asked": lambda self: next(asks) == 6})
"""  # the second step, after two of its four micro-batches
    words = pretrain_words(replace(settings, micro_batch=1), tmp_path / "run")
    (first, said), second = run_together(words, tmp_path, first=asked)
    assert (first, second) == (75, (75, "")), said
    assert "stopped at step 1 of 2. Go on: the same command with --resume auto" in said
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-00000001"]


def test_the_micro_batch_of_a_training_is_kept_when_memory_differs(settings, tmp_path, monkeypatch):
    def free(limit):
        monkeypatch.setattr("mp_mae.training.plan.micro_batch_limit", lambda per_tile, device, held: limit)

    def used(step):
        return read_state(tmp_path / "checkpoints" / f"step-{step:08d}").history.micro_batch

    free(2)
    train(settings, tmp_path, stop=after(1, asks=4))
    assert used(1) == 2
    free(8)
    train(settings, tmp_path, resume=True)
    assert used(2) == 2


def test_auto_precision_is_bf16_on_a_cpu_that_multiplies_in_it_where_the_objective_bears_it(settings, monkeypatch):
    settings = replace(settings, precision="auto")
    start_processes(settings)
    for has_bf16, becomes in ((True, "bf16"), (False, "float32")):
        monkeypatch.setattr("mp_mae.training.processes.launch.cpu_multiplies_bf16", lambda has=has_bf16: has)
        assert choose_precision(settings, MPMAE, None) == becomes
        assert choose_precision(settings, Objective, None) == "float32"
        assert choose_precision(settings, MPMAE, "float32") == "float32"  # of the training that is resumed
        assert choose_precision(replace(settings, precision="bf16"), Objective, None) == "bf16"


def test_what_auto_precision_became_is_told_and_kept(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("mp_mae.training.processes.launch.cpu_multiplies_bf16", lambda: False)
    settings = replace(settings, precision="auto")
    train(settings, tmp_path, stop=after(1))
    folder = tmp_path / "checkpoints" / "step-00000001"
    assert read_state(folder).facts.settings["precision"] == "float32"
    with pytest.raises(AgreedError, match=r"differs in precision \('float32', now 'bf16'\)"):
        train(replace(settings, precision="bf16"), tmp_path, resume=True)
    described = json.loads((folder / "state.json").read_text())
    described["settings"]["precision"] = "auto"  # as it was stored once
    del described["history"]
    (folder / "state.json").write_text(json.dumps(described))
    assert train(settings, tmp_path, resume=True).complete


@pytest.mark.slow
def test_accelerates_own_accumulation_changes_no_gradient(settings, tmp_path):
    said = []
    for steps in ("1", "4"):
        out = tmp_path / steps
        variables = {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": steps}
        ((code, text),) = run_together(pretrain_words(settings, out), tmp_path, processes=1, variables=variables)
        assert code == 0, text
        said.append([record.gradient_norm for record in read_log(out / "log.jsonl")])
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"ACCELERATE_USE_FSDP": "true"}, "asks for FSDP; .* --multi-gpu"),
        ({"ACCELERATE_USE_DEEPSPEED": "True"}, "asks for DeepSpeed"),
        ({"ACCELERATE_DYNAMO_BACKEND": "INDUCTOR"}, "--set compile=true"),
    ],
)
def test_engines_that_the_training_does_not_use_are_refused_in_words(variables, says):
    with pytest.raises(AgreedError, match=says):
        check_launch(variables)


def test_a_gpu_that_is_asked_for_has_to_be_there(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match=r"device=cuda: PyTorch .* finds no GPU here\. Pass --device cpu"):
        train(replace(settings, device="cuda"), tmp_path)


def test_an_ordinary_configuration_of_accelerate_is_fine():
    check_launch({"ACCELERATE_USE_FSDP": "false", "ACCELERATE_DYNAMO_BACKEND": "NO", "ACCELERATE_USE_CPU": "true"})
