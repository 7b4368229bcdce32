"""BACKBONES: the built-in backbones by name. `baselines.registry` finds them and everybody else's.

A backbone's module is imported when it is built, so listing the names needs neither torch nor weights.
"""

from baselines.entry import Entry, Kind

_ENTRIES = (
    Entry(
        name="mp_mae",
        summary="MP-MAE checkpoint (MMEarth's official .pth or one of ours), 12 Sentinel-2 bands",
        bands="12 of Sentinel-2",
        licence="of the checkpoint",
        module="baselines.multi_pretext",
        weights="required",
        has_demo_weights=True,
    ),
    Entry(
        name="optical_mae",
        summary="the same architecture and training, predicting its 12 Sentinel-2 bands alone",
        bands="12 of Sentinel-2",
        licence="of the checkpoint",
        module="baselines.multi_pretext",
        requires={"pretext": "s2"},
        weights="required",
        has_demo_weights=True,
    ),
    Entry(
        name="rgb_mae",
        summary="the same, reading and predicting red, green and blue alone",
        bands="red, green, blue",
        licence="of the checkpoint",
        module="baselines.multi_pretext",
        requires={"pretext": "rgb"},
        weights="required",
        has_demo_weights=True,
    ),
    Entry(
        name="mp_mae_published",
        summary="the same fed as in the published evaluation: its padding, B8 and B8A exchanged",
        bands="12 of Sentinel-2",
        licence="of the checkpoint",
        module="baselines.multi_pretext",
        settings={"padding": "published"},
        weights="required",
    ),
    Entry(
        name="imagenet_mae",
        summary="ConvNeXt V2 atto, FCMAE on ImageNet (timm; weights CC BY-NC 4.0), red-green-blue",
        bands="red, green, blue",
        licence="CC BY-NC 4.0",
        module="baselines.imagenet_mae",
        weights="optional",
    ),
    Entry(
        name="random_init",
        summary="MP-MAE's atto architecture, untrained, drawn from the run's seed: the control",
        bands="12 of Sentinel-2",
        licence="none needed",
        module="baselines.random_init",
        weights="none",
        kind=Kind.UNTRAINED,
        seeded=True,
    ),
    Entry(
        name="random_init_demo",
        summary="the architecture of the demo weights, untrained: their control",
        bands="12 of Sentinel-2",
        licence="none needed",
        module="baselines.random_init",
        settings={"size": "demo"},
        weights="none",
        kind=Kind.UNTRAINED,
        seeded=True,
    ),
    Entry(
        name="image_statistics",
        summary="per-band mean, standard deviation and percentiles of all bands: no network",
        bands="all",
        licence="none needed",
        module="baselines.image_statistics",
        weights="none",
        kind=Kind.FLOOR,
    ),
)

BACKBONES: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
