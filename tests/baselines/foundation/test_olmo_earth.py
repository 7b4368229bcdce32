"""OlmoEarth against its own package: its encoder, its normaliser, its order of bands. Runs where that is installed."""

import pytest
import torch

from baselines.conformance import check_backbone
from baselines.foundation.torchgeo_models import RECORDS
from baselines.inputs import Preparation
from baselines.registry import find_backbone

package = pytest.importorskip("olmoearth_pretrain_minimal")
from olmoearth_pretrain_minimal.olmoearth_pretrain_v1.utils.constants import Modality  # noqa: E402
from olmoearth_pretrain_minimal.olmoearth_pretrain_v1.utils.datatypes import MaskedOlmoEarthSample  # noqa: E402

NANO = "OlmoEarthV1_Weights.NANO"
SPECIFICATION = {"sentinel2_l2a": Modality.SENTINEL2_L2A, "sentinel1": Modality.SENTINEL1}


@pytest.mark.parametrize(("modality", "low", "high"), [("sentinel2_l2a", 0.0, 4000.0), ("sentinel1", -25.0, 0.0)])
def test_it_gives_what_its_own_package_gives(modality, low, high, tmp_path):
    torch.manual_seed(4)
    model = package.OlmoEarthPretrain_v1(model_size="nano", model_version="v1").model.eval()
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    backbone = find_backbone(f"torchgeo:{NANO}?modality={modality}").build(tmp_path / "weights.pth", 0)
    inputs, order = backbone.inputs, SPECIFICATION[modality].band_order
    assert [name.upper().replace("B0", "B") for name in order] == list(inputs.bands)

    pixels = low + (high - low) * torch.rand(2, len(order), 32, 32)
    moments = [inputs.moments[band] for band in inputs.bands]
    mean, std = (torch.tensor(values) for values in zip(*moments, strict=True))
    with torch.inference_mode():
        vector = backbone(pixels, Preparation(mean, std)).vector

        own = package.NormalizerV1().normalize(
            SPECIFICATION[modality], pixels.permute(0, 2, 3, 1)[:, :, :, None].numpy()
        )
        sample = MaskedOlmoEarthSample(
            timestamps=torch.tensor([[[1, 6, 2020]]] * 2),
            **{
                modality: torch.from_numpy(own).float(),
                f"{modality}_mask": torch.zeros(2, 32, 32, 1, SPECIFICATION[modality].num_band_sets),
            },
        )
        out = model.encoder(sample, patch_size=8, input_res=10, fast_pass=True)["tokens_and_masks"]
        answer = getattr(out, modality).flatten(1, 4).mean(dim=1)
    torch.testing.assert_close(vector, answer, atol=1e-3, rtol=1e-3)


def test_it_keeps_the_contract_and_has_as_many_parameters_as_its_record_says():
    entry = find_backbone(f"torchgeo:{NANO}?random")
    assert [verdict for verdict in check_backbone(entry, None) if verdict.passed is False] == []
    assert sum(parameter.numel() for parameter in entry.build(None, 0).parameters()) == RECORDS[NANO].parameters
