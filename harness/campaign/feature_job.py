"""What finds the features of a whole dataset, without a protocol that would use them."""

from harness.campaign.request import RunRequest
from harness.campaign.resolve import Resolver
from harness.execution.workbench import Workbench
from harness.records.cell import Cell
from harness.records.job import DatasetRef, Job
from harness.records.labels import LabelKind

_WHOLE_IMAGES = {LabelKind.SEGMENTATION: "few_shot_area"}
"""Protocols that embed whole images even where labels are of pixels."""


def feature_job(backbone: str, ref: DatasetRef, request: RunRequest, workbench: Workbench) -> Job:
    """The job whose features are those of every image. No protocol will run; one has to be named to resolve a cell.

    Raises:
        UserError: the backbone cannot embed this dataset.
    """
    protocol = _WHOLE_IMAGES.get(workbench.dataset(ref).spec.label_kind, "linear_probe")
    cell = Cell(backbone=backbone, seed=request.seeds[0], dataset=ref, partition="default", protocol=protocol)
    job = Resolver(request, workbench, convert=True).resolve(cell)
    assert job is not None, "a dataset that may be converted has its job"
    return job
