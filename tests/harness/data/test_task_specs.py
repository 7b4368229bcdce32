"""What task_specs.pkl says of a dataset."""

import os
import pickle

import pytest

from geobench_files import BLUE, RED, SUITE, band, dump, read_dataset, thing, write_dataset, write_task
from harness.data.description import Band
from harness.data.sources.geobench.task_specs import read_task_spec
from harness.errors import UserError
from harness.records.labels import LabelKind


@pytest.fixture
def directory(tmp_path):
    return write_dataset(tmp_path)


def test_names_and_sizes_are_read_in_the_files_order(directory):
    spec = read_task_spec(directory, "suite")
    assert (spec.dataset, spec.suite, spec.n_classes, spec.class_names) == ("toy", "suite", 3, ("a", "b", "c"))
    assert spec.label_kind is LabelKind.SINGLE_LABEL
    assert spec.size_px == (4, 4)
    assert spec.bands == (
        Band("02 - Blue", "Sentinel2", ("2", "02", "blue"), 0.49, 10.0),
        Band("04 - Red", "Sentinel2", ("4", "04", "red"), 0.665, 10.0),
    )


def test_classes_without_names_are_called_by_their_number(directory):
    write_task(directory, [BLUE], thing("SegmentationClasses", n_classes=2))
    assert read_task_spec(directory, "s").class_names == ("0", "1")


def test_multi_label_types_keep_their_names_elsewhere(directory):
    write_task(directory, [BLUE], thing("MultiLabelClassification", n_classes=2, class_name=["x", "y"]))
    spec = read_task_spec(directory, "s")
    assert (spec.label_kind, spec.class_names) == (LabelKind.MULTI_LABEL, ("x", "y"))


def test_hyperspectral_cubes_are_left_out_and_named(directory, tmp_path):
    write_task(directory, [BLUE, thing("HyperSpectralBands", name="Neon", alt_names=(), n_bands=369)])
    dataset = read_dataset(tmp_path)
    assert [band.name for band in dataset.bands] == ["02 - Blue"]
    assert dataset.spec.left_out == ("Neon",)


def test_a_band_listed_once_per_date_is_one_band(directory):
    write_task(directory, [BLUE, RED, BLUE, RED])
    assert [band.name for band in read_task_spec(directory, "s").bands] == ["02 - Blue", "04 - Red"]


def test_a_pickle_that_runs_a_command_is_refused_and_not_run(directory, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'marker'}",)

    (directory / "task_specs.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(UserError, match=r"toy/task_specs\.pkl: holds the Python object \w+\.system.*refused"):
        read_task_spec(directory, "s")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (thing("Detection", n_classes=1), "labels of type Detection cannot be evaluated"),
        (thing("Regression", n_classes=0), "a label of 0 classes leaves nothing to predict"),
        (thing("Classification", n_classes=1), "a label of 1 classes leaves nothing to predict"),
        (thing("Classification", n_classes="3"), "Classification.n_classes is str, int wanted"),
        (thing("Classification", n_classes=3, _class_names=["a"]), "3 class names are wanted, a list of 1 found"),
        ("Classification", "TaskSpecifications.label_type is str, Record wanted"),
    ],
)
def test_labels_we_cannot_evaluate_are_refused(directory, label, said):
    write_task(directory, [BLUE], label)
    with pytest.raises(UserError, match=rf"toy/task_specs\.pkl: {said}"):
        read_task_spec(directory, "s")


@pytest.mark.parametrize(("fields", "names"), [({}, ("0",)), ({"n_classes": 2, "class_name": ["t", "p"]}, ("t", "p"))])
def test_a_label_may_be_one_number_or_several(directory, fields, names):
    write_task(directory, [BLUE], thing("Regression", min_val=0.0, max_val=9.0, **fields))
    spec = read_task_spec(directory, "s")
    assert (spec.label_kind, spec.n_classes, spec.class_names) == (LabelKind.REGRESSION, len(names), names)


@pytest.mark.parametrize(
    ("bands", "said"),
    [
        ([], "found: none"),
        (
            [BLUE, band("02 - Blue", wavelength=0.5)],
            "bands with different names are wanted, found: 02 - Blue, 02 - Blue",
        ),
        ([band("Red", wavelength=665)], "band Red has wavelength 665; micrometres are wanted"),
        ([band("Red", wavelength="0.6")], "band Red has wavelength '0.6'"),
        ([band("Red", alt_names=(1,))], "the alternative names of band Red are not a list of names"),
        (["Red"], "bands_info holds str where a band is wanted"),
    ],
)
def test_bands_that_make_no_sense_are_refused(directory, bands, said):
    write_task(directory, bands)
    with pytest.raises(UserError, match=rf"toy/task_specs\.pkl: .*{said}"):
        read_task_spec(directory, "s")


def test_another_object_than_a_specification_is_refused(directory):
    (directory / "task_specs.pkl").write_bytes(dump([1]))
    with pytest.raises(UserError, match="a TaskSpecifications is wanted, list found"):
        read_task_spec(directory, "s")


def test_a_missing_specification_is_named(tmp_path):
    with pytest.raises(UserError, match=r"toy/task_specs\.pkl: cannot be read \(No such file"):
        read_task_spec(tmp_path / SUITE / "toy", "s")


# More than a dataset can have


def described(directory, **fields):
    write_task(directory, [BLUE], thing("Classification", **{"n_classes": 3, **fields}))
    return read_task_spec(directory, "s")


@pytest.mark.parametrize(("n_classes", "shown"), [(10**10, "10000000000"), (2**2000, "a number of 2001 bits")])
def test_more_classes_than_can_be_evaluated_are_refused_before_they_are_named(directory, n_classes, shown):
    with pytest.raises(UserError, match=rf"a label of {shown} classes; at most 10000 can be evaluated"):
        described(directory, n_classes=n_classes)


@pytest.mark.parametrize("gsd", [2**2000, float("nan"), float("inf"), -1])
def test_a_resolution_that_is_none_is_refused_with_its_band(directory, gsd):
    write_task(directory, [thing("Sentinel2", name="Blue", alt_names=(), spatial_resolution=gsd)])
    with pytest.raises(UserError, match=r"band Blue has spatial_resolution .*; metres are wanted"):
        read_task_spec(directory, "s")


def test_a_wavelength_of_hundreds_of_digits_is_refused(directory):
    write_task(directory, [band("Blue", wavelength=2**2000)])
    with pytest.raises(UserError, match="band Blue has wavelength a number of 2001 bits; micrometres are wanted"):
        read_task_spec(directory, "s")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"patch_size": (2**2000, 4)}, "patch_size is a tuple of 2; two sides in pixels"),
        ({"n_time_steps": 2**2000}, "n_time_steps is a number of 2001 bits"),
    ],
)
def test_sizes_of_hundreds_of_digits_are_refused(directory, fields, said):
    label = thing("Classification", n_classes=3)
    task = {"bands_info": [BLUE], "label_type": label, "patch_size": (4, 4), "n_time_steps": 1, **fields}
    (directory / "task_specs.pkl").write_bytes(dump(thing("TaskSpecifications", **task)))
    with pytest.raises(UserError, match=said):
        read_task_spec(directory, "s")


def test_long_lists_of_bands_and_names_are_refused(directory):
    many = [f"name {index}" for index in range(101)]
    for bands, said in (
        ([BLUE] * 10_001, "bands_info lists 10001 bands; at most 10000"),
        ([band("x" * 201)], "a band's name has 201 characters; at most 200"),
        ([band("Blue", alt_names=tuple(many))], "the alternative names of band Blue are not a list of names"),
        ([band(name) for name in many] * 2 + [band("name 1", wavelength=0.5)], r"found: name 0, .* and 82 more$"),
    ):
        write_task(directory, bands)
        with pytest.raises(UserError, match=said):
            read_task_spec(directory, "s")


def test_a_specification_that_is_a_pipe_is_refused_without_waiting(directory):
    (directory / "task_specs.pkl").unlink()
    os.mkfifo(directory / "task_specs.pkl")
    with pytest.raises(UserError, match=r"toy/task_specs\.pkl: a regular file is wanted, a named pipe found"):
        read_task_spec(directory, "s")
