"""Fine-tuning: the backbone is trained as a whole, with a linear head or, for masks, a U-Net decoder.

The network is judged on valid at even intervals and the best is kept, as is customary; without a choice
(`--select none`) the last is, as published. Nothing here sees a label of test.
"""

from collections.abc import Iterator

from harness.records.materials import ImageMaterial
from harness.records.outcome import Outcome
from harness.records.run import Selection
from harness.tasks import TASKS
from harness.training.choose import train_and_choose
from harness.training.devices import Devices
from harness.training.fine_tuning import Training
from harness.training.predict import measure_input, predict_split
from harness.training.recipe import FineTuneSettings, effective_batch


def fine_tune(material: ImageMaterial, settings: FineTuneSettings, seed: int) -> Outcome:
    """Trains on train, keeps the network that `material.selection` chooses, of equals the earliest.

    Args:
        seed: of the head's first weights, the order of samples, augmentation and drop path. On a CPU it decides every
            digit.
    Raises:
        UserError: labels that leave nothing to learn, pixels that no sensor gives, a loss that is not finite, an image
            that does not fit into memory, or a headline metric that is undefined on valid.
    """
    training = _begin(material, settings, seed)
    network_input = measure_input(training)
    material.check_entered(network_input)
    chosen = train_and_choose(
        training,
        predict=lambda: predict_split(training, "valid"),
        judge=lambda predicted: material.score(material.labels("valid"), predicted),
        choosing=material.selection is Selection.VALID,
        agreeing=training.devices.agreeing,
    )
    with training.devices.agreeing():
        training.network.load_state_dict(dict(chosen.weights))
    labels = material.labels("train")
    return Outcome(
        valid_scores=chosen.valid_scores,
        test_scores=predict_split(training, "test"),
        ran_with={
            "updates": training.n_updates,
            "effective_batch": effective_batch(len(labels), settings),
            "chosen_after": chosen.n_updates,
            "valid_curve": chosen.curve,
            "absent_classes": TASKS[material.label_kind].absent_classes(labels, material.n_classes),
            "precision": training.devices.precision,
            "devices": training.devices.count,
            "images_at_a_time": training.portions.largest,
        },
        n_labels_fit=len(labels),
        n_labels_select=material.n_images("valid") if material.selection is Selection.VALID else 0,
        network_input=network_input,
    )


def valid_curve(material: ImageMaterial, settings: FineTuneSettings, seed: int) -> Iterator[float]:
    """What tuning goes by: the headline metric on valid at each evaluation of a training, minus infinity if undefined.

    Raises:
        UserError: as `fine_tune`, but for the metric; `DivergedError` if the loss is not finite.
    """
    training = _begin(material, settings, seed)
    for _ in training.run():
        yield material.score(material.labels("valid"), predict_split(training, "valid"))


def _begin(material: ImageMaterial, settings: FineTuneSettings, seed: int) -> Training:
    devices = Devices(material.device)
    with devices.agreeing():
        TASKS[material.label_kind].check_learnable(material.labels("train"), "fine-tuning")
        return Training(material, settings, seed, devices)
