"""Which images a folder holds and what is said of each; every mistake is one line that names it."""

import re

import pytest

from harness.data.own.listing import find_images, rows_of_folders, rows_of_table
from harness.errors import UserError
from own_images import write_picture


def touch(root, *files):
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def test_folders_are_classes_whatever_their_names(tmp_path):
    touch(tmp_path, "olive grove/a 1.jpg", "Äcker/b.PNG", "Äcker/.hidden.png", ".git/c.png", "olive grove/notes.txt")
    rows = rows_of_folders(find_images(tmp_path), tmp_path)
    assert [(row.file, row.cells["label"]) for row in rows] == [
        ("olive grove/a 1.jpg", "olive grove"),
        ("Äcker/b.PNG", "Äcker"),
    ]


def test_folders_of_splits_above_those_of_classes_give_the_splits(tmp_path):
    touch(tmp_path, "train/a/1.png", "train/b/1.png", "val/a/2.png", "test/b/3.png")
    rows = rows_of_folders(find_images(tmp_path), tmp_path)
    assert {(row.cells["split"], row.cells["label"]) for row in rows} == {
        ("train", "a"), ("train", "b"), ("val", "a"), ("test", "b"),
    }  # fmt: skip


def refused(pattern):
    return pytest.raises(UserError, match=pattern)


def test_what_is_no_folder_of_classes_is_refused(tmp_path):
    with refused("no image found"):
        find_images(tmp_path)
    with refused("a folder of images is wanted, nothing found"):
        find_images(tmp_path / "absent")
    touch(tmp_path, "forest/a.png", "forest/b.png")
    with refused("one class only, 'forest'"):
        rows_of_folders(find_images(tmp_path), tmp_path)
    touch(tmp_path, "c.png")
    with refused(r"c\.png lies in no class's folder.*--labels FILE\.csv"):
        rows_of_folders(find_images(tmp_path), tmp_path)


def test_a_link_that_leads_out_is_refused_and_one_within_is_followed(tmp_path):
    outside, root = write_picture(tmp_path / "outside.png"), touch(tmp_path / "data", "a/1.png")
    (root / "a" / "2.png").symlink_to(root / "a" / "1.png")
    assert find_images(root) == ["a/1.png", "a/2.png"]
    (root / "a" / "3.png").symlink_to(outside)
    with refused(r"3\.png: is a link that leads out"):
        find_images(root)
    (root / "a" / "3.png").unlink()
    (root / "b").symlink_to(tmp_path)
    with refused(r"b: is a link to a folder"):
        find_images(root)


def test_a_folder_that_cannot_be_read_is_named_and_not_left_out(tmp_path, unreadable):
    root = touch(tmp_path, "a/1.png", "b/locked/2.png")
    unreadable(root / "b" / "locked")
    with refused(r"locked: cannot be read \(Permission denied\)"):
        find_images(root)


def table(tmp_path, text):
    (tmp_path / "labels.csv").write_text(text)
    return rows_of_table("labels.csv", find_images(tmp_path), tmp_path)


def test_a_table_names_files_with_or_without_their_ending_and_tells_who_is_left_out(tmp_path):
    touch(tmp_path, "a.tif", "b.tif", "more/c.tif")
    rows, notes = table(tmp_path, "file;label\na;1\nmore/c.tif;0\n")
    assert [(row.file, row.cells["label"]) for row in rows] == [("a.tif", "1"), ("more/c.tif", "0")]
    assert notes == ["1 image has no label and is left out: b.tif"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,label\na.tif,1\n", "no column file or filename or path or image; found name, label"),
        ("file,label\nx.tif,1\ny.tif,1\n", "x.tif (and 1 more) is labelled, but no such image"),
        ("file,label\na.tif,1\nb.tif,0\na.tif,1\n", "a.tif is there more than once"),
        ("file,label\na.tif,1\nb.tif\n", "line 3 has 1 cells, the headings are 2"),
        ("", "a table with a line of headings is wanted"),
        ('file,label\n"a.tif,1\n', "a table with a line of headings is wanted"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_one_line(tmp_path, text, said):
    touch(tmp_path, "a.tif", "b.tif")
    with refused(re.escape(said)):
        table(tmp_path, text)
