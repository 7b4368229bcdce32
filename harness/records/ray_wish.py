"""What somebody asked of Ray: where the runs of a campaign are done, if not here."""

from enum import StrEnum
from importlib.util import find_spec
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from harness.errors import UserError

DeviceOnRay = Literal["auto", "cpu", "cuda"]


class ExecutorName(StrEnum):
    """Who does the runs."""

    LOCAL = "local"
    RAY = "ray"


class RayWish(BaseModel):
    """That the runs go to Ray, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str | None
    """Of a cluster; `auto`: the one of this machine. None: what RAY_ADDRESS says, or else one that is started here."""
    device: DeviceOnRay
    """Of what embeds or trains; `auto`: GPUs if the cluster has any."""


def read_ray_wish(executor: str, address: str | None, device: str) -> RayWish | None:
    """The words of `--executor`, `--ray-address` and `--device`; None: the runs are done here. Imports no Ray.

    Raises:
        UserError: they do not go together, or Ray is not installed.
    """
    if executor == ExecutorName.LOCAL:
        if address is not None:
            raise UserError(f"--ray-address {address}: is for Ray. Say --executor ray too, or leave it out")
        return None
    if find_spec("ray") is None:
        raise UserError("--executor ray: Ray is not installed. Run: pip install 'mp-mae-bench[ray]'")
    for known in get_args(DeviceOnRay):
        if device == known:
            return RayWish(address=address, device=known)
    raise UserError(f"--device {device}: with --executor ray it is auto, cpu or cuda; Ray chooses which GPU")
