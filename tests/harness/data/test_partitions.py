"""Partition files are checked before a path is made of them."""

import json

import pytest

from geobench_files import read_dataset, write_dataset, write_partition
from harness.errors import UserError


@pytest.fixture
def directory(tmp_path):
    return write_dataset(tmp_path)


@pytest.fixture
def dataset(directory, tmp_path):
    return read_dataset(tmp_path)


def test_splits_keep_the_files_order(dataset, directory):
    write_partition(directory, "1.00x_train", train=["id_5", "id_3"], valid=["id_0"], test=["id_2", "id_1"])
    partition = dataset.partition("1.00x_train")
    assert (partition.name, partition.train, partition.valid) == ("1.00x_train", ("id_5", "id_3"), ("id_0",))
    assert partition.test == ("id_2", "id_1")
    assert dataset.partitions() == ["1.00x_train", "default"]


def test_the_digest_follows_names_and_order_and_not_the_files_layout(dataset, directory):
    splits = {"train": ["id_3", "id_4"], "valid": ["id_0"], "test": ["id_1"]}
    (directory / "a_partition.json").write_text(json.dumps(splits))
    (directory / "b_partition.json").write_text(json.dumps(dict(reversed(splits.items())), indent=4))
    write_partition(directory, "swapped", **{**splits, "train": ["id_4", "id_3"]})
    write_partition(directory, "moved", train=["id_3"], valid=["id_4", "id_0"], test=["id_1"])
    a, b, swapped, moved = (dataset.partition(name).sha256 for name in ("a", "b", "swapped", "moved"))
    assert a == b
    assert len({a, swapped, moved}) == 3


def test_a_missing_partition_lists_those_that_exist(dataset):
    with pytest.raises(UserError, match=r"toy: no 0\.01x_train_partition\.json; its partitions are: default"):
        dataset.partition("0.01x_train")
    with pytest.raises(UserError, match=r"toy: no \.\./toy/default_partition\.json"):
        dataset.partition("../toy/default")


def test_a_sample_that_is_not_there_means_an_incomplete_download(dataset, directory):
    write_partition(directory, "default", train=["id_3", "id_98", "id_99"], valid=["id_0"], test=["id_1"])
    with pytest.raises(
        UserError, match=r"toy/default_partition\.json lists id_98 and 1 more, but id_98\.hdf5 is missing"
    ):
        dataset.partition("default")


@pytest.mark.parametrize("name", ["../id_0", "/etc/passwd", "a/b", "..", ".", "", "a\\b", "id\0", "sub/../id_3"])
def test_an_entry_that_leaves_the_directory_is_refused(dataset, directory, name):
    (directory.parent / "id_0.hdf5").write_bytes(b"")
    write_partition(directory, "default", train=["id_3", name], valid=["id_0"], test=["id_1"])
    with pytest.raises(UserError, match=r"toy/default_partition\.json: split train names the sample .* own directory"):
        dataset.partition("default")


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        ({"train": ["id_3"], "valid": [], "test": ["id_1"]}, "split valid is empty"),
        ({"train": ["id_3"], "valid": ["id_0"], "test": ["id_3"]}, "id_3 is in train and test"),
        ({"train": ["id_3", "id_3"], "valid": ["id_0"], "test": ["id_1"]}, "id_3 is twice in train"),
        ({"train": ["id_3"], "test": ["id_1"]}, "the splits train, valid, test are wanted, found: train, test"),
        ({"train": "id_3", "valid": ["id_0"], "test": ["id_1"]}, "split train: a list of sample names is wanted"),
        ({"train": [3], "valid": ["id_0"], "test": ["id_1"]}, "split train: a list of sample names is wanted"),
    ],
)
def test_splits_that_cannot_be_evaluated_are_refused(dataset, directory, splits, said):
    write_partition(directory, "default", **splits)
    with pytest.raises(UserError, match=rf"^toy/default_partition\.json: .*{said}"):
        dataset.partition("default")


@pytest.mark.parametrize(
    ("text", "said"), [("{", "is not JSON"), ("[]", "a JSON object is wanted"), ("[" * 100_000, "is not JSON")]
)
def test_a_damaged_file_is_named(dataset, directory, text, said):
    (directory / "default_partition.json").write_text(text)
    with pytest.raises(UserError, match=rf"^toy/default_partition\.json: .*{said}"):
        dataset.partition("default")


def test_an_absolute_link_that_broke_when_the_data_moved_is_followed_to_the_file_beside_it(dataset, directory):
    write_partition(directory, "original", train=["id_3"], valid=["id_0"], test=["id_1"])
    link = directory / "default_partition.json"
    link.unlink()
    link.symlink_to("/where/it/once/lay/original_partition.json")
    assert dataset.partition("default").train == ("id_3",)


def test_a_link_to_nowhere_is_said_to_be_one(dataset, directory):
    link = directory / "default_partition.json"
    link.unlink()
    for target in ("/where/it/once/lay/gone_partition.json", "default_partition.json"):
        link.symlink_to(target)
        with pytest.raises(UserError, match=rf"^toy/default_partition\.json: links to {target}, which does not exist"):
            dataset.partition("default")
        link.unlink()
