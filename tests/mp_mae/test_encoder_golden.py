"""Maps and features against values of the reference implementation and an independent float64 evaluation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mp_mae.checkpoint import load_checkpoint
from mp_mae.encoder import build_encoder

SHARED = Path(__file__).parents[3] / "shared" / "golden"
CASES = {  # padding, GRN eps (None: the padding's own), input, expected map, expected features
    "published": ("published", None, "x", "ref_map_f64", "ref_features_f64"),
    "published 32x32": ("published", None, "x32", "ref_map_f64_x32", "ref_features_f64_x32"),
    "published 40x48": ("published", None, "x40x48", "ref_map_f64_x40x48", "ref_features_f64_x40x48"),
    "same": ("same", None, "x", "same_map_eps1e-6_f64", "same_features_eps1e-6_f64"),
    "same, published eps": ("same", 1e-4, "x", "same_map_eps1e-4_f64", "same_features_eps1e-4_f64"),
}


@pytest.fixture(scope="module")
def checkpoints(official_files):
    return {geometry: load_checkpoint(path) for geometry, path in official_files.items()}


def encode(checkpoint, golden, padding, grn_eps, pixels, dtype):
    """Map and pooled features with the golden final LayerNorm."""
    model = build_encoder(replace(checkpoint.encoder, padding=padding, grn_eps=grn_eps)).to(dtype).eval()
    norm = {f"head.norm.{leaf}": torch.from_numpy(golden[f"norm_{leaf}"]) for leaf in ("weight", "bias")}
    model.load_state_dict({**checkpoint.state, **norm})
    with torch.no_grad():
        feature_map = model.forward_features(torch.from_numpy(pixels).to(dtype))
        return feature_map.numpy(), model.forward_head(feature_map, pre_logits=True).numpy()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 5e-5)], ids=["f64", "f32"])
@pytest.mark.parametrize("geometry", ["56_8", "112_16"])
@pytest.mark.parametrize("case", CASES)
def test_maps_and_features_equal_the_golden_ones(case, geometry, dtype, tolerance, checkpoints, golden_features):
    padding, grn_eps, pixels, expected_map, expected_features = CASES[case]
    golden = golden_features[geometry]
    feature_map, features = encode(checkpoints[geometry], golden, padding, grn_eps, golden[pixels], dtype)
    np.testing.assert_allclose(feature_map, golden[expected_map], rtol=0, atol=tolerance)
    np.testing.assert_allclose(features, golden[expected_features], rtol=0, atol=tolerance)


@pytest.mark.parametrize("geometry", ["56_8", "112_16"])
def test_features_of_a_sample_do_not_depend_on_its_batch(geometry, checkpoints, golden_features):
    golden = golden_features[geometry]
    together, _ = encode(checkpoints[geometry], golden, "same", None, golden["x"], torch.float64)
    alone, _ = encode(checkpoints[geometry], golden, "same", None, golden["x"][:1], torch.float64)
    np.testing.assert_allclose(together[:1], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("geometry", ["56_8", "112_16"])
def test_the_stored_golden_arrays_are_the_first_samples_of_the_originals(geometry, golden_features):
    original = SHARED / f"features_{geometry}.npz"
    if not original.is_file():
        pytest.skip(f"needs {original}")
    with np.load(original) as arrays:
        for name, array in golden_features[geometry].items():
            np.testing.assert_array_equal(array, arrays[name][: len(array)])
