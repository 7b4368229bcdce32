"""What is left of a contrastive training for evaluation: the model's folder (`baselines.contrastive.files`)."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from torch import Tensor

from baselines.contrastive.files import ContrastiveSummary, hash_model, save_model
from baselines.contrastive.objective import configure
from baselines.contrastive.options import ContrastiveOptions
from mp_mae.training.state import TrainingFacts

_PREFIX = "model."


def export_model(state: Mapping[str, Tensor], facts: TrainingFacts, step: int, folder: Path) -> str:
    """Write the model among the objective's tensors. Returns a line on it. Raises UserError as `save_model` does."""
    options = ContrastiveOptions(**{f.name: facts.model[f.name] for f in fields(ContrastiveOptions)})
    config = configure(options, facts.request)
    tensors = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items() if name.startswith(_PREFIX)}
    training = {"steps": step, **facts.schedule, **facts.settings, "dataset": facts.dataset}
    save_model(folder, tensors, config, ContrastiveSummary(normalisation=facts.normalisation, training=training))
    named = ", ".join(config.modalities)
    return f"model {config.size} ({config.architecture}) of {named}, sha256 {hash_model(tensors, config)}"
