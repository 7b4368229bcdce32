"""One run, from files to a record for the leaderboard."""

from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from baselines.registry import find_backbone
from harness.data.partitions import Partition
from harness.execution.materials import build_material, find_scoring, read_targets
from harness.execution.provenance import collect_provenance, describe_choices
from harness.execution.workbench import Workbench
from harness.extraction.input_notes import note_input
from harness.metrics import higher_is_better
from harness.protocols import find_protocol
from harness.protocols.entry import ProtocolEntry
from harness.records.identity import configuration
from harness.records.job import Job
from harness.records.outcome import Outcome, Tuned
from harness.tasks.scoring import Targets
from harness.training.devices import Devices
from leaderboards.schema import RunRecord, RunRow
from mp_mae.data.threads import one_blas_thread


def execute(job: Job, workbench: Workbench) -> RunRecord:
    """Features, protocol, metrics. Writes nothing but caches; the caller commits the record as a whole.

    Raises:
        UserError: input that the user has to mend.
    """
    started = perf_counter()
    workbench.check_content(job)
    workbench.make_way(besides=job)
    run, spec = job.run, workbench.dataset(job.dataset).spec
    protocol = find_protocol(run.protocol, spec.label_kind)
    assert protocol is not None, "the plan skips what a protocol does not take"
    scoring = find_scoring(protocol, spec.label_kind)
    with Devices(workbench.places.device).agreeing() if protocol.trains_backbone else nullcontext():
        partition = workbench.drawn_partition(job.dataset, run.partition, run.train_draw, run.seed)
        material = build_material(job, partition, workbench, protocol)
    # NumPy's threads would mostly wait for each other, on a machine that does anything else many times as long as one
    # of them computes. What is worth sharing is shared by `harness.solvers.row_blocks`.
    with one_blas_thread():
        tuned = tune_protocol(protocol, material, job, workbench)
        outcome = protocol.function(material, tuned.settings, run.seed)
        # Only now, with the predictions made, are the labels of the test split read: once per run.
        test = read_targets(job, partition.test, workbench, scoring)
        targets: Targets = {"valid": material.labels("valid"), "test": test}
        rows = scoring.rows(run, spec.class_names, partition.test, targets, outcome)
    return RunRecord(
        run=_run_row(job, partition, outcome, tuned, workbench, perf_counter() - started),
        metrics=rows.metrics,
        classes=rows.classes,
        predictions=rows.predictions,
        mask_counts=rows.mask_counts,
        values=rows.values,
        error_sums=rows.error_sums,
    )


def tune_protocol(protocol: ProtocolEntry, material: Any, job: Job, workbench: Workbench) -> Tuned:
    """The settings of a run, tuned if it asks for trials. The study is the run's own: it is named by its identity."""
    settings = replace(protocol.settings, **job.run.protocol_settings)
    if protocol.search is None or not settings.trials:
        return Tuned(settings=settings)
    from harness.execution.tuning import tune  # noqa: PLC0415 - imports optuna, which few runs need

    search, seed = protocol.search, job.run.seed
    return tune(
        lambda candidate: search.curve(material, candidate, seed),
        settings,
        search.space,
        workbench.places.cache_dir / "studies" / f"{job.run_id}.journal",
        seed,
        workbench.progress,
    )


def _run_row(
    job: Job, partition: Partition, outcome: Outcome, tuned: Tuned, workbench: Workbench, seconds: float
) -> RunRow:
    run, entry = job.run, find_backbone(job.backbone)
    costs, speed = workbench.costs(job), workbench.speed(job)
    entered = outcome.network_input or workbench.network_input(job)
    at_test = None if outcome.network_input or job.at_test is job else workbench.network_input(job.at_test)
    return RunRow(
        run_id=job.run_id,
        suite=run.suite,
        dataset=run.dataset,
        backbone=entry.name,
        weights_sha256=run.weights_sha256,
        dataset_fingerprint=run.dataset_fingerprint,
        protocol=run.protocol,
        protocol_version=run.protocol_version,
        partition=run.partition,
        seed=run.seed,
        metric=run.metric,
        higher_is_better=higher_is_better(run.metric),
        n_train=len(partition.train),
        n_valid=len(partition.valid),
        n_test=len(partition.test),
        n_labels_fit=outcome.n_labels_fit,
        n_labels_select=outcome.n_labels_select,
        source="measured",
        configuration=configuration(run),
        provenance={
            **collect_provenance(workbench.places.device),
            "backbone_package": entry.package,
            "kind": entry.kind.value,
            **describe_choices(job),
            "weights": workbench.backbone_of(job).origin.description,
            "filled_bands": dict(job.filled_bands),
            **({"filled_at_test": dict(job.filled_at_test)} if run.test_feed else {}),
            "ran_with": {**tuned.ran_with, **outcome.ran_with},
            "network_input": asdict(entered),
            "declared_unit": workbench.backbone_of(job).inputs.unit_in_words,
            **({"network_input_at_test": asdict(at_test)} if at_test else {}),
            "input_notes": note_input(run, job.filled_bands, entered),
            "extraction": None if outcome.network_input else dict(workbench.extraction(job)),
            "speed": asdict(speed),
            "pixels_without_data": dict(workbench.arrays(job.dataset).n_nonfinite),
        },
        device=workbench.places.device,
        seconds=seconds,
        finished_at=datetime.now(UTC),
        train_draw=run.train_draw.value,
        selection=run.selection.value,
        parameters=costs.parameters,
        flops_per_image=costs.flops_per_image,
        images_per_second=speed.images_per_second,
        peak_memory_bytes=costs.peak_memory_bytes,
    )
