"""Any model of timm by its name there: `timm:resnet18.a1_in1k`, or `timm:resnet18?random` for untrained weights.

It reads red, green and blue, or the bands wished for (`?bands=B4,B3,B2,B8`, see `first_layer.py`). Its pretraining
standardised 8-bit values by the mean and standard deviation that timm keeps with the weights. The vector is what timm's
own classifier would get, or what is wished for (`?pool=token`); the pyramid is the last map of each stride.
"""

import difflib
from pathlib import Path
from typing import Any

import timm

from baselines.bands import RGB, Unit
from baselines.contract import Backbone, InputSpec, Origin
from baselines.entry import Entry, Kind
from baselines.timm_models.first_layer import adapt_first_layer, learnt_from, read_bands
from baselines.timm_models.network import TimmBackbone, create, pool, total_stride
from baselines.timm_models.pretrained import find_file, load_weights
from baselines.wishes import Wish, read_wishes
from mp_mae.checkpoint import hash_tensors
from mp_mae.errors import UserError

WISHES = (
    Wish("random", "untrained weights"),
    Wish("bands", "other bands than red, green, blue (s2: twelve of Sentinel-2)", example="B4,B3,B2,B8"),
    Wish("pool", "the class token, or the mean of the others", choices=("token", "avg")),
)


def find_entry(rest: str) -> Entry:
    """The entry of what stands behind `timm:`.

    Raises:
        UserError: timm has no model, or no weights, of that name (suggests some); or a wish is none of ours.
    """
    name, wishes = read_wishes("timm", rest, WISHES)
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = difflib.get_close_matches(architecture, timm.list_models(), n=3)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise UserError(
            f"timm:{rest}: timm {timm.__version__} has no model {architecture!r}. {hint}See timm.list_models()"
        )
    there_are = timm.list_pretrained(f"{architecture}.*")
    if tag and name not in there_are:
        raise UserError(
            f"timm:{rest}: there are no weights {tag!r} of {architecture}, but {', '.join(there_are) or 'none'}"
        )
    bands = read_bands(wishes["bands"], f"timm:{rest}") if "bands" in wishes else RGB
    untrained = "random" in wishes
    known: Any = timm.get_pretrained_cfg(name)  # every model has one, with or without weights
    return Entry(
        name=f"timm:{rest}",
        summary=f"timm's {name}, {'untrained, drawn from the seed' if untrained else 'pretrained'}",
        bands=", ".join(bands),
        unit="standardised" if untrained or not learnt_from(bands, known) else Unit.UINT8,
        size_px=known.input_size[-1],
        licence="none needed" if untrained else known.license or "not said",
        library="timm",
        source="drawn from the seed" if untrained else _source(known),
        module=__name__,
        settings={"model": architecture, **({} if bands == RGB else {"bands": ",".join(bands)})},
        requires={"name": name, "untrained": untrained, **({"pooled": wishes["pool"]} if "pool" in wishes else {})},
        weights="none" if untrained else "optional",
        kind=Kind.UNTRAINED if untrained else Kind.PRETRAINED,
        seeded=untrained,
    )


def _source(known: Any) -> str:
    return f"https://huggingface.co/{known.hf_hub_id}" if known.hf_hub_id else "--weights alone"


def build(
    weights: Path | None,
    seed: int,
    *,
    model: str,
    name: str,
    untrained: bool = False,
    bands: str = ",".join(RGB),
    pooled: str = "",
) -> Backbone:
    """The model, with weights from a file, from the hub or its cache, or drawn from the seed if that was wished for.

    Args:
        weights: the file timm distributes, or one in its names; `.safetensors`, else a PyTorch file.
        model: the architecture.
        name: the architecture, and which of its weights where there are several; they decide mean, std and size.
        bands: what it reads, separated by commas.
        pooled: `token` or `avg`, where not what timm's classifier gets; in a run's identity if it is another vector.
    Raises:
        UserError: weights neither given, cached nor reachable, or not all of the model's; or it cannot be had for
            these bands, or pooled that way.
    """
    known: Any = timm.get_pretrained_cfg(name)  # every model has one, with or without weights
    names = tuple(bands.split(","))
    path = None if untrained else find_file(weights, name, known.hf_hub_id)
    network, fixed = create(model, seed, len(names), bool(known.fixed_input_size))
    place = f"untrained, seed {seed}"
    if path is not None:
        layers = (known.first_conv,) if isinstance(known.first_conv, str) else tuple(known.first_conv or ())
        place = load_weights(
            network,
            path,
            name,
            known,
            dict if names == RGB else lambda state: adapt_first_layer(state, network, layers, names, f"timm:{name}"),
        )
    repooled = bool(pooled) and pool(network, pooled, name)
    return TimmBackbone(
        network,
        inputs=InputSpec(
            bands=names,
            size_multiple=1 if fixed else total_stride(network),
            native_size_px=known.input_size[-1],
            fixed_size=fixed,
            **({} if untrained else learnt_from(names, known)),
        ),
        origin=Origin(
            weights_sha256=hash_tensors(network.state_dict()),
            description=f"timm {name}, {place}",
            settings={"pool": pooled} if repooled else {},
        ),
    )
