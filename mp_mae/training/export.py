"""The encoder of a training, as a checkpoint that evaluation can load."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mp_mae.checkpoint import Checkpoint, TrainingSummary, save_checkpoint
from mp_mae.errors import UserError
from mp_mae.modalities import OPTICAL, choose_modalities
from mp_mae.training.objectives import find_objective
from mp_mae.training.state import SavedState, TrainingFacts, newest_state, read_state, step_folders

CHECKPOINTS = "checkpoints"
"""Folder of the training's checkpoints below that of the training."""
ENCODER = "encoder"
"""Folder of the exported encoder below that of the training."""
_PREFIX = "encoder."


def encoder_checkpoint(state: Mapping[str, Tensor], facts: TrainingFacts, step: int) -> Checkpoint:
    """The encoder among the tensors of an objective, with what it was trained on and for how long."""
    request = facts.request
    encoder = request.encoder
    happened = {"changes": list(facts.changes), "left_out_steps": list(facts.left_out)}
    on_the_way = {key: value for key, value in happened.items() if value}
    return Checkpoint(
        encoder=encoder,
        state={name.removeprefix(_PREFIX): tensor for name, tensor in state.items() if name.startswith(_PREFIX)},
        summary=TrainingSummary(
            source_layout="mp_mae",
            modalities={
                "inputs": {OPTICAL: list(encoder.bands)},
                "outputs": {
                    task.name: list(encoder.bands if task.name == OPTICAL else task.bands)
                    for task in choose_modalities(request.modalities)
                },
            },
            normalisation=facts.normalisation,
            training={"steps": step, **facts.schedule, **facts.settings, "dataset": facts.dataset, **on_the_way},
        ),
    )


def export_encoder(state: Mapping[str, Tensor], facts: TrainingFacts, step: int, folder: Path) -> str:
    """Write the encoder among an objective's tensors to a folder, in MP-MAE's layout. Returns a line on it."""
    checkpoint = encoder_checkpoint(state, facts, step)
    save_checkpoint(checkpoint, folder)
    encoder = checkpoint.encoder
    return f"encoder {encoder.size}, {encoder.patch} px patches, sha256 {checkpoint.sha256}"


def find_state(run: Path, step: int | None = None) -> SavedState:
    """A training's newest checkpoint, or that of one step.

    Raises:
        UserError: there is none; names the steps there are.
    """
    root = run / CHECKPOINTS
    steps = [int(path.name.removeprefix("step-")) for path in step_folders(root)]
    if step is not None and step in steps:
        return read_state(root / f"step-{step:08d}")
    newest = newest_state(root) if step is None else None
    if newest is None:
        found = f"there are steps {', '.join(map(str, steps))}" if steps else "there is none"
        wanted = "a checkpoint" if step is None else f"the checkpoint of step {step}"
        advice = "Pass the folder that a training wrote (--out)."
        if steps:
            advice = "Pass one of these; a training with --set keep_every=N keeps more of them."
        raise UserError(f"{run}: wanted {wanted}, {found}. {advice}")
    return newest


def export_run(run: Path, out: Path, step: int | None = None) -> str:
    """Write what evaluation loads of a training's checkpoint to the folder `out`, as its objective says.

    Returns a line on it. Raises UserError as its parts do.
    """
    saved = find_state(run, step)
    entry = find_objective(saved.facts.settings["objective"])
    return entry.export(saved.model_tensors(), saved.facts, saved.step, out)
