"""The encoder of a training, as a checkpoint that evaluation can load."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mp_mae.checkpoint import Checkpoint, TrainingSummary, save_checkpoint
from mp_mae.errors import UserError
from mp_mae.modalities import OPTICAL, choose_modalities
from mp_mae.training.state import SavedState, TrainingFacts, newest_state, read_state

CHECKPOINTS = "checkpoints"
"""Folder of the training's checkpoints below that of the training."""
ENCODER = "encoder"
"""Folder of the exported encoder below that of the training."""
_PREFIX = "encoder."


def encoder_checkpoint(state: Mapping[str, Tensor], facts: TrainingFacts, step: int) -> Checkpoint:
    """The encoder among the tensors of an objective, with what it was trained on and for how long."""
    encoder = facts.encoder
    return Checkpoint(
        encoder=encoder,
        state={name.removeprefix(_PREFIX): tensor for name, tensor in state.items() if name.startswith(_PREFIX)},
        summary=TrainingSummary(
            source_layout="mp_mae",
            modalities={
                "inputs": {OPTICAL: list(encoder.bands)},
                "outputs": {
                    task.name: list(encoder.bands if task.name == OPTICAL else task.bands)
                    for task in choose_modalities(facts.modalities)
                },
            },
            normalisation=facts.normalisation,
            training={"steps": step, **facts.schedule, **facts.settings, "dataset": facts.dataset},
        ),
    )


def find_state(run: Path, step: int | None = None) -> SavedState:
    """A training's newest checkpoint, or that of one step.

    Raises:
        UserError: there is none; names the steps there are.
    """
    root = run / CHECKPOINTS
    steps = sorted(int(path.name.removeprefix("step-")) for path in root.glob("step-*"))
    if step is not None and step in steps:
        return read_state(root / f"step-{step:08d}")
    newest = newest_state(root) if step is None else None
    if newest is None:
        found = f"there are steps {', '.join(map(str, steps))}" if steps else "there is none"
        wanted = "a checkpoint" if step is None else f"the checkpoint of step {step}"
        raise UserError(f"{run}: wanted {wanted}, {found}. Pass the folder that a training wrote (--out).")
    return newest


def export_encoder(run: Path, out: Path, step: int | None = None) -> Checkpoint:
    """Write the encoder of a training's checkpoint to the folder `out`. Raises UserError as its parts do."""
    saved = find_state(run, step)
    checkpoint = encoder_checkpoint(saved.model_tensors(), saved.facts, saved.step)
    save_checkpoint(checkpoint, out)
    return checkpoint
