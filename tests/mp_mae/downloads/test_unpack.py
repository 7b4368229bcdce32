"""Archives of strangers: what is hostile is refused before anything is written."""

import io
import stat
import struct
import warnings
import zipfile

import numpy as np
import pytest

from mp_mae.downloads.unpack import ArchiveError, Budget, declared_size, unpack
from mp_mae.downloads.watch import Silent
from published_place import zipped


@pytest.fixture
def unpacked(tmp_path):
    """Unpacks the bytes of an archive, and gives the folder."""

    def unpack_bytes(content, budget=None, may_link=()):
        archive = tmp_path / "a.zip"
        archive.write_bytes(content)
        return unpack(archive, tmp_path / "new", budget or Budget(), Silent(), may_link)

    return unpack_bytes


def test_files_come_out_as_they_went_in_below_what_they_have_in_common(unpacked, tmp_path):
    found = unpacked(zipped({"top/": "", "top/inner/a.txt": b"first", "top/inner/deep/b.bin": bytes(100_000)}))
    assert found == tmp_path / "new" / "top" / "inner"
    assert (found / "a.txt").read_bytes() == b"first"
    assert (found / "deep" / "b.bin").read_bytes() == bytes(100_000)
    assert declared_size(tmp_path / "a.zip", Budget()) == 100_005


def test_files_without_a_folder_of_their_own_lie_in_the_new_one(unpacked, tmp_path):
    assert unpacked(zipped({"a.txt": "", "b/c.txt": ""})) == tmp_path / "new"


def test_what_the_finder_of_a_mac_adds_is_left_out(unpacked, tmp_path):
    found = unpacked(zipped({"top/a.txt": "a", "__MACOSX/top/._a.txt": "junk"}))
    assert found == tmp_path / "new" / "top"
    assert not (tmp_path / "new" / "__MACOSX").exists()


def test_no_permission_comes_out_of_an_archive(unpacked):
    found = unpacked(zipped({"m/run.sh": "#!/bin/sh"}, m_run_sh=stat.S_IFREG | 0o6777))
    assert (found / "run.sh").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/x", "//x", "a//x", "./x", "..", "C:/x", "C:x", "a\\..\\x", "a/\x01", "x" * 300, "a\nb"],
)
def test_a_name_that_leads_elsewhere_is_refused(unpacked, tmp_path, name):
    with pytest.raises(ArchiveError, match="is no name of a file below it; nothing was unpacked"):
        unpacked(zipped({"good.txt": "good", name: "bad"}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip"]


def test_a_name_with_a_zero_byte_is_refused(unpacked):
    content = zipped({"good_name": "x"}).replace(b"good_name", b"good\0name")
    with pytest.raises(ArchiveError):
        unpacked(content)


@pytest.mark.parametrize(
    "kind",
    [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR],
    ids=["link", "character device", "block device", "pipe", "socket", "folder that is none"],
)
def test_what_is_neither_a_file_nor_a_folder_is_refused(unpacked, tmp_path, kind):
    with pytest.raises(ArchiveError, match=r"'m/x' is (a link|neither)"):
        unpacked(zipped({"m/good": "", "m/x": "/etc/passwd"}, m_x=kind | 0o644))
    assert not (tmp_path / "new").exists()


def test_a_link_that_is_known_becomes_a_copy_of_the_file_beside_it(unpacked):
    """GEO-Bench's default_partition.json names a file of the machine where it was made."""
    files = {"m/default.json": "/mnt/data/m/full.json", "m/full.json": "{}"}
    found = unpacked(zipped(files, m_default_json=stat.S_IFLNK | 0o777), may_link=["default.json"])
    assert (found / "default.json").read_text() == "{}"
    assert not (found / "default.json").is_symlink()


@pytest.mark.parametrize("target", ["/etc/passwd", "..", ".", "", "other.json", "default.json", "deep"])
def test_a_known_link_to_nothing_beside_it_is_refused(unpacked, tmp_path, target):
    files = {"m/default.json": target, "m/full.json": "{}", "m/deep/other.json": "{}"}
    with pytest.raises(ArchiveError, match="is a link"):
        unpacked(zipped(files, m_default_json=stat.S_IFLNK | 0o777), may_link=["default.json"])
    assert not (tmp_path / "new").exists()


def test_a_bomb_is_refused_by_what_it_declares(unpacked, tmp_path):
    content = zipped({"zeros": bytes(2_000_000)})
    assert len(content) < 4_000
    with pytest.raises(ArchiveError, match=r"would become 2,000,000 bytes, of which 10"):
        unpacked(content, Budget(always=1000))
    assert unpacked(content, Budget(always=2_000_000))


def test_a_bomb_that_declares_less_than_it_has_stops_there(unpacked, tmp_path):
    content = bytearray(zipped({"zeros": bytes(2_000_000)}))
    for head, place in ((b"PK\3\4", 22), (b"PK\1\2", 24)):  # what a file's two heads say of its size
        struct.pack_into("<I", content, content.rindex(head) + place, 500)
    with pytest.raises(ArchiveError, match="CRC"):
        unpacked(bytes(content), Budget(always=1000))
    assert (tmp_path / "new" / "zeros").stat().st_size <= 500


def test_an_archive_of_too_many_files_is_refused(unpacked):
    with pytest.raises(ArchiveError, match="has 4 files, of which 3"):
        unpacked(zipped(dict.fromkeys("abcd", "")), Budget(most_files=3))


def test_two_files_of_one_name_are_refused(unpacked):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, warnings.catch_warnings(action="ignore"):
        archive.writestr("m/a", "1")
        archive.writestr("m/a", "2")
    with pytest.raises(ArchiveError, match="'m/a' and 'm/a' would be one file"):
        unpacked(packed.getvalue())


@pytest.mark.parametrize(
    ("first", "second"),
    [("m/A.txt", "m/a.txt"), ("M/a.txt", "m/b.txt"), ("m/é", "m/e\u0301"), ("m/straße", "m/STRASSE"), ("m/a", "m/a/b")],
)
def test_names_that_are_one_on_another_system_are_refused(unpacked, first, second):
    with pytest.raises(ArchiveError, match=r"would be one f|is a file and a folder"):
        unpacked(zipped({first: "1", second: "2"}))


@pytest.mark.parametrize("damage", [b"", b"no archive", zipped({"a": bytes(1000)})[:60]], ids=["empty", "text", "cut"])
def test_what_is_no_archive_is_said_to_be_none(unpacked, damage):
    with pytest.raises(ArchiveError, match="no archive, or a damaged one"):
        unpacked(damage)


def test_a_byte_that_changed_is_noticed(unpacked):
    content = bytearray(zipped({"a": "words that hardly shrink at all"}))
    content[40] ^= 1
    with pytest.raises(ArchiveError, match="a damaged one"):
        unpacked(bytes(content))


def test_an_encrypted_file_is_refused(unpacked):
    content = bytearray(zipped({"a": "secret"}))
    content[content.index(b"PK\1\2") + 8] |= 1
    content[6] |= 1
    with pytest.raises(ArchiveError, match="encrypted"):
        unpacked(bytes(content))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(unpacked, method):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("m/a", bytes(1000))
    with pytest.raises(ArchiveError, match="packed in a way"):
        unpacked(packed.getvalue())


def test_whatever_bytes_change_nothing_but_an_archive_error_comes_of_it(tmp_path):
    random = np.random.default_rng(0)
    sound = zipped({"m/a.txt": "words" * 40, "m/b/c.bin": bytes(300), "m/link": "a.txt"}, m_link=stat.S_IFLNK)
    archive, refused = tmp_path / "a.zip", 0
    for i in range(300):
        content = bytearray(sound)
        for place in random.integers(0, len(sound), random.integers(1, 6)):
            content[place] = random.integers(0, 256)
        archive.write_bytes(content)
        try:
            unpack(archive, tmp_path / str(i) / "new", Budget(), Silent(), ["link"])
        except ArchiveError:
            refused += 1
        assert {path.name for path in (tmp_path / str(i)).glob("*")} <= {"new"}
    assert refused > 100
    assert {path.name for path in tmp_path.iterdir()} <= {"a.zip", *map(str, range(300))}
