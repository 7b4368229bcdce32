"""Folders are listed as they are, and one that cannot be is an error."""

import pytest

from mp_mae.data.files import find_files
from mp_mae.errors import UserError
from mp_mae.files.listing import paths_in, visible_folders


def test_what_matches_is_listed_in_order(tmp_path):
    for name in ("b.h5", "a.h5", "c.json"):
        (tmp_path / name).touch()
    assert paths_in(tmp_path, "*.h5") == [tmp_path / "a.h5", tmp_path / "b.h5"]
    assert find_files(_without(tmp_path, "a.h5")).h5 == tmp_path / "b.h5"


def test_folders_below_are_seen_but_for_hidden_ones_and_links(tmp_path):
    for name in ("a/b", ".git/c", "d"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a" / "1.png").touch()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert dict(visible_folders(tmp_path)) == {
        tmp_path: [],
        tmp_path / "a": ["1.png"],
        tmp_path / "a" / "b": [],
        tmp_path / "d": [],
    }


def test_an_absent_or_unreadable_folder_is_named(tmp_path, unreadable):
    with pytest.raises(UserError, match=r"absent: cannot be read \(No such file or directory\)"):
        paths_in(tmp_path / "absent", "*")
    unreadable(tmp_path)
    for look in (
        lambda: paths_in(tmp_path, "*"),
        lambda: list(visible_folders(tmp_path)),
        lambda: find_files(tmp_path),
    ):
        with pytest.raises(UserError, match=r"cannot be read \(Permission denied\)\. Make it readable"):
            look()


def _without(folder, name):
    (folder / name).unlink()
    return folder
