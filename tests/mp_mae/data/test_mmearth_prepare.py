import json
from dataclasses import replace

import numpy as np
import pytest
import tiny_mmearth
import torch

from mp_mae.config import MMEARTH_S2_BANDS
from mp_mae.data.crops import Crops
from mp_mae.data.files import open_mmearth
from mp_mae.data.prepare import DatasetTables, prepare
from mp_mae.data.statistics import processing_levels
from mp_mae.errors import UserError
from mp_mae.modalities import MMEARTH, PRESETS, S2_STORED, WORLDCOVER_CODES, Kind, choose_modalities

ALL = choose_modalities(PRESETS["all"])
CPU = torch.device("cpu")

NO_DATA = {"sentinel2": [0], "aster": [-32768], "canopy_height_eth": [127, -1, -128]}


def prepared(files, arrays, crops, crop):
    levels = torch.from_numpy(processing_levels(files.paths.h5, arrays["metadata"]))
    raw = {name: torch.from_numpy(array) for name, array in arrays.items() if name != "metadata"}
    return prepare(raw, levels, crops, DatasetTables.of(files, crop, CPU))


def random_crops(n, span, seed=0):
    rng = np.random.default_rng(seed)
    return Crops(rng.integers(span, size=n), rng.integers(span, size=n), rng.permutation(n) % 8)


def turned(image, orientation):
    """One (H, W) image, in words of the bits."""
    if orientation & 1:
        image = image[::-1]
    if orientation & 2:
        image = image[:, ::-1]
    return image.T if orientation & 4 else image


def oracle(arrays, i, stats, crops, crop, bands):
    """Targets of one tile, one band and one pixel after another, in float64."""
    level = arrays["metadata"][i][1].decode()
    targets = {}
    for name, modality in MMEARTH.items():
        row = arrays[name][i]
        if modality.kind is Kind.IMAGE_CLASS:
            ones = [c for c, value in enumerate(row.tolist()) if value == 1]
            targets[name] = ones[0] if len(ones) == 1 and sum(row.tolist()) == 1 else -1
            continue
        chosen = bands if name == "sentinel2" else modality.stored
        planes = []
        for band in chosen:
            c = modality.stored.index(band)
            plane = row[c]
            if modality.kind.is_pixel:
                y, x = crops.top[i], crops.left[i]
                plane = turned(plane[y : y + crop, x : x + crop], crops.orientation[i])
            values = np.asarray(plane, np.float64)
            if modality.kind is Kind.PIXEL_CLASS:
                codes = range(1, 10) if name == "dynamic_world" else WORLDCOVER_CODES
                index = {code: k for k, code in enumerate(codes)}
                planes.append(np.vectorize(lambda value, index=index: index.get(int(value), -1))(values))
                continue
            missing = ~np.isfinite(values) | np.isin(values, NO_DATA.get(name, []))
            entry = stats[f"sentinel2_{level}" if name == "sentinel2" else name]
            with np.errstate(invalid="ignore"):
                planes.append(np.where(missing, np.nan, (values - entry["mean"][c]) / entry["std"][c]))
        targets[name] = planes[0] if modality.kind is Kind.PIXEL_CLASS else np.stack(planes)
    return targets


def assert_equals_oracle(files, stats, crops, crop, bands):
    arrays = files.reader().read_rows(np.arange(files.n_tiles))
    pixels, targets = prepared(files, arrays, crops, crop)
    assert list(targets) == list(MMEARTH)
    for i in range(files.n_tiles):
        wanted = oracle(arrays, i, stats, crops, crop, bands)
        for name, value in wanted.items():
            assert targets[name].dtype == (torch.int64 if MMEARTH[name].kind.is_class else torch.float32)
            np.testing.assert_allclose(targets[name][i].numpy(), value, rtol=1e-5, atol=1e-5, err_msg=f"{name} {i}")
        np.testing.assert_allclose(pixels[i].numpy(), np.nan_to_num(wanted["sentinel2"]), rtol=1e-5, atol=1e-5)
    assert pixels.dtype == torch.float32
    assert pixels.is_contiguous()


@pytest.mark.parametrize("bands", [MMEARTH_S2_BANDS, ("B2", "B3", "B4"), ("B10", "B8")], ids=len)
def test_prepare_equals_the_slow_reading_on_every_code_and_orientation(tmp_path, bands):
    folder = tiny_mmearth.write(tmp_path / "d", tiny_mmearth.random_columns(16, 12))
    files = open_mmearth(folder, ALL, bands)
    assert_equals_oracle(files, tiny_mmearth.band_stats(), random_crops(16, 5), 8, bands)


def test_prepare_equals_the_slow_reading_in_each_layout(tiles):
    stats = json.loads((tiles / f"{tiles.name}_band_stats.json").read_text())
    files = open_mmearth(tiles, ALL)
    assert_equals_oracle(files, stats, random_crops(files.n_tiles, 9), 56, MMEARTH_S2_BANDS)


def test_raw_rows_are_left_as_they_are(tmp_path):
    files = open_mmearth(tiny_mmearth.write(tmp_path / "d", tiny_mmearth.random_columns(8, 8)), ALL)
    arrays = files.reader().read_rows(np.arange(8))
    before = {name: array.tobytes() for name, array in arrays.items()}
    _, targets = prepared(files, arrays, random_crops(8, 1), 8)
    for target in targets.values():
        target.zero_()
    assert before == {name: array.tobytes() for name, array in arrays.items()}


def test_the_crop_and_turn_of_a_tile_are_the_same_in_every_pixel_modality(tmp_path):
    """Each stored value is the pixel's place; after undoing standardisation all modalities show the same places."""
    n, side, crop = 8, 8, 6
    columns = tiny_mmearth.random_columns(n, side)
    places = np.arange(1, 1 + side * side).reshape(side, side)  # up to 64, so that every dtype can hold them
    for name in PRESETS["pixel"]:
        columns[name] = np.broadcast_to(places, columns[name].shape).astype(columns[name].dtype)
    columns["dynamic_world"] = columns["dynamic_world"] % 9 + 1
    columns["esa_worldcover"] = np.array(WORLDCOVER_CODES, "u1")[columns["esa_worldcover"] % 11]
    names = ("sentinel2_l1c", "sentinel2_l2a", *tiny_mmearth.N_BANDS)
    stats = {name: {"mean": [0] * 13, "std": [1] * 13} for name in names}
    for name, size in tiny_mmearth.N_BANDS.items():
        stats[name] = {"mean": [0] * size, "std": [1] * size}
    files = open_mmearth(tiny_mmearth.write(tmp_path / "d", columns, stats=stats), ALL)
    crops = random_crops(n, side - crop + 1)
    pixels, targets = prepared(files, files.reader().read_rows(np.arange(n)), crops, crop)
    wanted = pixels[:, 0].long()
    assert len({tuple(tile.flatten().tolist()) for tile in wanted}) == n  # eight orientations
    for name in ("sentinel2", "sentinel1", "aster", "canopy_height_eth"):
        assert (targets[name].long() == wanted[:, None]).all(), name
    assert (targets["dynamic_world"] == wanted % 9).all()
    assert (targets["esa_worldcover"] == wanted % 11).all()


def test_orientations_are_the_eight_of_the_square_and_image_values_do_not_turn(tmp_path):
    columns = {name: np.repeat(values[:1], 8, axis=0) for name, values in tiny_mmearth.random_columns(1, 8).items()}
    files = open_mmearth(tiny_mmearth.write(tmp_path / "d", columns), ALL)
    crops = Crops(np.zeros(8, np.int64), np.zeros(8, np.int64), np.arange(8))
    _, targets = prepared(files, files.reader().read_rows(np.arange(8)), crops, 8)
    worldcover = targets["esa_worldcover"]
    by_numpy = [np.rot90(worldcover[0], k) for k in range(4)] + [np.rot90(worldcover[0].T, k) for k in range(4)]
    assert {image.numpy().tobytes() for image in worldcover} == {np.ascontiguousarray(t).tobytes() for t in by_numpy}
    for name in PRESETS["image"]:
        values = torch.nan_to_num(targets[name].double(), nan=-99)
        assert (values == values[0]).all()


def test_the_processing_level_of_each_tile_chooses_the_statistics_of_sentinel2(tmp_path):
    columns = tiny_mmearth.random_columns(2, 8)
    columns["sentinel2"][:] = 1000
    columns["metadata"]["S2_type"] = [b"l2a", b"L1C"]
    stats = tiny_mmearth.band_stats()
    stats["sentinel2_l1c"] = {"mean": [0] * 13, "std": [100] * 13}
    stats["sentinel2_l2a"] = {"mean": [500] * 13, "std": [1] * 13}
    files = open_mmearth(tiny_mmearth.write(tmp_path / "d", columns, stats=stats), ALL)
    pixels, targets = prepared(files, files.reader().read_rows(np.arange(2)), random_crops(2, 1), 8)
    assert pixels[:, 0, 0, 0].tolist() == targets["sentinel2"][:, 5, 3, 3].tolist() == [500, 10]


def test_an_unknown_processing_level_names_the_tile(tmp_path):
    metadata = np.array([(b"a", b"l1c"), (b"b", b"l3")], [("meta_id", "S4"), ("S2_type", "S3")])
    with pytest.raises(UserError, match="tile 'b' has S2_type 'l3'; wanted l1c or l2a"):
        processing_levels(tmp_path / "d.h5", metadata)


def test_metadata_are_read_by_position_whatever_the_first_field_is_called(tmp_path):
    for field in ("tile_id", "meta_id"):
        metadata = np.array([(b"a", b"l2a"), (b"b", b"l1c")], [(field, "S4"), ("S2_type", "S3")])
        assert processing_levels(tmp_path / "d.h5", metadata).tolist() == [1, 0]


def image_class(folder, rows, name="biome"):
    modality = MMEARTH[name]
    files = replace(open_mmearth(folder, ALL), modalities=(modality,))
    raw = {"biome": rows, "sentinel2": torch.ones(len(rows), len(S2_STORED), 1, 1, dtype=torch.uint16)}
    zero = np.zeros(len(rows), np.int64)
    return prepare(raw, torch.from_numpy(zero), Crops(zero, zero, zero), DatasetTables.of(files, 1, CPU))[1][
        name
    ].tolist()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.int64, torch.float32], ids=str)
def test_only_rows_with_exactly_one_one_have_a_class(sparse_tiles, dtype):
    rows = torch.zeros(7, 14, dtype=torch.int64)
    rows[0, 0] = rows[1, 13] = 1
    rows[3] = 255
    rows[4, 2] = rows[4, 5] = 1  # ambiguous
    rows[5, 7] = 2
    rows[6, 3], rows[6, 4] = 1, 255
    assert image_class(sparse_tiles, rows.to(dtype)) == [0, 13, -1, -1, -1, -1, -1]


def pixel_class(folder, name, stored, dtype, **changes):
    files = replace(open_mmearth(folder, ALL), modalities=(replace(MMEARTH[name], **changes),))
    raw = {
        name: torch.tensor(stored).to(dtype).reshape(-1, 1, 1, 1),
        "sentinel2": torch.ones(len(stored), len(S2_STORED), 1, 1, dtype=torch.uint16),
    }
    zero = np.zeros(len(stored), np.int64)
    return prepare(raw, torch.from_numpy(zero), Crops(zero, zero, zero), DatasetTables.of(files, 1, CPU))[1][
        name
    ].tolist()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.int32], ids=str)
def test_tree_cover_is_class_zero_and_unlisted_codes_are_missing(sparse_tiles, dtype):
    codes = [*WORLDCOVER_CODES, 0, 255, 11, 101]
    assert pixel_class(sparse_tiles, "esa_worldcover", codes, dtype) == [[[k]] for k in (*range(11), -1, -1, -1, -1)]
    assert pixel_class(sparse_tiles, "dynamic_world", [1, 9, 0, 10], dtype) == [[[k]] for k in (0, 8, -1, -1)]


def test_class_codes_outside_the_table_do_not_wrap_around(sparse_tiles):
    assert pixel_class(sparse_tiles, "esa_worldcover", [-10, 65546, 10], torch.int32) == [[[-1]], [[-1]], [[0]]]
    found = pixel_class(sparse_tiles, "dynamic_world", [-1, 0, 3, 4], torch.int32, codes=(3, 0))
    assert found == [[[-1]], [[1]], [[0]], [[-1]]]


def test_month_stored_as_integers_is_standardised_and_its_saturated_infinity_is_missing(tmp_path):
    columns = tiny_mmearth.random_columns(3, 8)
    columns["month"] = np.array([[1, 0], [0, -1], [-(2**31), 1]], "i4")
    stats = tiny_mmearth.band_stats()
    stats["month"] = {"mean": [0.5, 0.25], "std": [2, 0.5]}
    files = open_mmearth(tiny_mmearth.write(tmp_path / "d", columns, stats=stats), ALL)
    _, targets = prepared(files, files.reader().read_rows(np.arange(3)), random_crops(3, 1), 8)
    wanted = [[0.25, -0.5], [-0.25, -2.5], [np.nan, 1.5]]
    np.testing.assert_array_equal(targets["month"].numpy(), np.array(wanted, "f4"))


def test_a_tile_prepares_to_the_same_values_in_any_batch(tmp_path):
    files = open_mmearth(tiny_mmearth.write(tmp_path / "d", tiny_mmearth.random_columns(6, 12)), ALL)
    crops = random_crops(6, 5)
    pixels, targets = prepared(files, files.reader().read_rows(np.arange(6)), crops, 8)
    for i in range(6):
        alone = np.array([i])
        pixel, target = prepared(files, files.reader().read_rows(alone), crops[alone], 8)
        torch.testing.assert_close(pixel[0], pixels[i], rtol=0, atol=0)
        for name, value in target.items():
            torch.testing.assert_close(value[0], targets[name][i], rtol=0, atol=0, equal_nan=True)
