"""One file over HTTP: resumed, checked, and never taken for whole where it is not."""

import email.utils
import hashlib
import io
import time
import urllib.error
import urllib.request
from email.message import Message

import pytest

from mp_mae.downloads.bars import describe
from mp_mae.downloads.fetch import Wanted, bytes_there, fetch, look
from mp_mae.downloads.http import MissingError, Patience, _Redirections
from mp_mae.downloads.watch import Silent
from mp_mae.errors import UserError
from published_place import Fault, Place

CONTENT = bytes(range(256)) * 200
QUICK = Patience(timeout_s=0.3, attempts=3, pause_s=0.01, longest_s=2)
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


class Notices(Silent):
    """Keeps what a person would read."""

    def __init__(self):
        self.lines = []

    def notice(self, text):
        self.lines.append(text)


@pytest.fixture
def place():
    with Place({"/a.bin": CONTENT}) as place:
        yield place


@pytest.fixture
def wanted(place):
    return Wanted(url=f"{place.url}/a.bin", name="a.bin")


def test_a_file_that_is_there_is_not_asked_for_again(place, wanted, tmp_path):
    assert fetch(wanted, tmp_path, QUICK, Silent()).read_bytes() == CONTENT
    assert fetch(wanted, tmp_path, QUICK, Silent()).read_bytes() == CONTENT
    assert place.requests == [("/a.bin", None)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_a_connection_that_is_cut_goes_on_at_the_byte_where_it_ended(place, wanted, tmp_path):
    place.faults["/a.bin"] = [Fault(cut=10_000), Fault(cut=500)]
    watch = Notices()
    assert fetch(wanted, tmp_path, QUICK, watch).read_bytes() == CONTENT
    assert place.ranges("/a.bin") == [None, "bytes=10000-", "bytes=10500-"]
    assert "ended after 10,000 of 51,200 bytes" in watch.lines[0]


def test_a_server_that_falls_silent_is_given_up_after_the_timeout_and_asked_again(place, wanted, tmp_path):
    place.faults["/a.bin"] = [Fault(stall=777)]
    watch = Notices()
    assert fetch(wanted, tmp_path, QUICK, watch).read_bytes() == CONTENT
    assert place.ranges("/a.bin") == [None, "bytes=777-"]
    assert "says nothing more" in watch.lines[0]


def test_attempts_that_bring_nothing_come_to_an_end_and_the_next_command_goes_on(place, wanted, tmp_path):
    place.faults["/a.bin"] = [Fault(cut=10_000)]
    place.always["/a.bin"] = Fault(cut=0)
    with pytest.raises(UserError, match=r"3 times in a row; the 10,000 bytes that came are kept"):
        fetch(wanted, tmp_path, QUICK, Silent())
    assert bytes_there(wanted, tmp_path) == 10_000
    place.always.clear()
    assert fetch(wanted, tmp_path, QUICK, Silent()).read_bytes() == CONTENT
    assert place.ranges("/a.bin")[-1] == "bytes=10000-"


def test_attempts_that_each_bring_the_same_beginning_come_to_an_end_too(place, wanted, tmp_path):
    place.always["/a.bin"] = Fault(cut=1000, ignore_range=True)
    with pytest.raises(UserError, match="3 times in a row"):
        fetch(wanted, tmp_path, QUICK, Silent())


def test_a_server_that_ignores_range_sends_all_of_it_anew(place, wanted, tmp_path):
    place.faults["/a.bin"] = [Fault(cut=10_000), Fault(ignore_range=True)]
    assert fetch(wanted, tmp_path, QUICK, Silent()).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "other",
    [CONTENT[::-1], CONTENT[:-1], CONTENT[:100], CONTENT + b"more"],
    ids=["as long", "shorter", "shorter than the part", "longer"],
)
def test_nothing_is_put_together_of_two_files(place, wanted, tmp_path, other):
    place.faults["/a.bin"] = [Fault(cut=10_000)] + [Fault(cut=0)] * 2
    with pytest.raises(UserError):
        fetch(wanted, tmp_path, QUICK, Silent())
    place.faults.clear()
    place.files["/a.bin"] = other
    watch = Notices()
    assert fetch(wanted, tmp_path, QUICK, watch).read_bytes() == other
    assert place.ranges("/a.bin")[-1] is None
    assert "it changed there" in watch.lines[0]


def test_without_a_tag_another_length_tells_another_file(place, wanted, tmp_path):
    place.faults["/a.bin"] = [Fault(cut=10_000, tag=""), *[Fault(cut=0, tag="")] * 2]
    place.always["/a.bin"] = Fault(tag="")
    with pytest.raises(UserError):
        fetch(wanted, tmp_path, Patience(timeout_s=0.3, attempts=2, pause_s=0), Silent())
    place.files["/a.bin"] = CONTENT[::-1] + b"more"
    assert fetch(wanted, tmp_path, QUICK, Silent()).read_bytes() == CONTENT[::-1] + b"more"


def test_a_part_of_another_address_is_not_gone_on_with(place, wanted, tmp_path):
    place.faults["/a.bin"] = [Fault(cut=10_000)] + [Fault(cut=0)] * 2
    with pytest.raises(UserError):
        fetch(wanted, tmp_path, QUICK, Silent())
    place.files["/b.bin"] = CONTENT[::-1]
    other = Wanted(url=f"{place.url}/b.bin", name="a.bin")
    assert fetch(other, tmp_path, QUICK, Silent()).read_bytes() == CONTENT[::-1]


def test_a_state_that_is_damaged_costs_the_part_and_nothing_else(place, wanted, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(b"something")
    (tmp_path / "a.bin.part.json").write_text('{"url"')
    assert fetch(wanted, tmp_path, QUICK, Silent()).read_bytes() == CONTENT


def test_wrong_bytes_are_fetched_once_more_and_then_refused(place, tmp_path):
    wanted = Wanted(url=f"{place.url}/a.bin", name="a.bin", checksum=MD5)
    place.faults["/a.bin"] = [Fault(body=CONTENT[::-1])]
    assert fetch(wanted, tmp_path, QUICK, Silent()).read_bytes() == CONTENT
    place.always["/a.bin"] = Fault(body=CONTENT[::-1])
    found = hashlib.md5(CONTENT[::-1]).hexdigest()
    with pytest.raises(UserError, match=rf"its md5 is {found}, {MD5[4:]} was published, twice"):
        fetch(wanted, tmp_path / "..", QUICK, Silent())
    assert not list((tmp_path / "..").glob("a.bin*"))


def test_another_length_than_the_published_one_is_refused_before_anything_is_read(place, tmp_path):
    wanted = Wanted(url=f"{place.url}/a.bin", name="a.bin", size=10)
    with pytest.raises(UserError, match="has 51,200 bytes, 10 were published"):
        fetch(wanted, tmp_path, QUICK, Silent())
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_sends_less_than_it_says_never_makes_a_file(place, wanted, tmp_path):
    place.always["/a.bin"] = Fault(headers={"Content-Length": str(len(CONTENT) + 5)}, ignore_range=True)
    with pytest.raises(UserError, match="ended after 51,200 of 51,205 bytes"):
        fetch(wanted, tmp_path, QUICK, Silent())
    assert not (tmp_path / "a.bin").exists()


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "is not there"), (410, "is not there"), (403, "not given to everybody"), (401, "not given"), (400, "400")],
)
def test_a_refusal_is_final_and_names_the_way_out(place, wanted, tmp_path, status, words):
    place.always["/a.bin"] = Fault(status=status)
    with pytest.raises(UserError, match=rf"^{wanted.url}: .*{words}.*--base-url") as refused:
        fetch(wanted, tmp_path, QUICK, Silent())
    assert len(place.requests) == 1
    assert isinstance(refused.value, MissingError) == (status in (404, 410))


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_waited_for_as_long_as_it_asks(place, wanted, tmp_path, status):
    place.faults["/a.bin"] = [Fault(status=status, headers={"Retry-After": "1"})]
    began = time.monotonic()
    assert fetch(wanted, tmp_path, QUICK, Silent()).read_bytes() == CONTENT
    assert time.monotonic() - began > 1


def test_a_date_is_waited_for_too(place, wanted, tmp_path):
    past = email.utils.formatdate(time.time() - 60, usegmt=True)
    place.faults["/a.bin"] = [Fault(status=503, headers={"Retry-After": past})]
    assert fetch(wanted, tmp_path, Patience(pause_s=1000, longest_s=1), Silent()).read_bytes() == CONTENT


def test_a_server_that_asks_for_an_hour_ends_the_command(place, wanted, tmp_path):
    place.always["/a.bin"] = Fault(status=429, headers={"Retry-After": "3600"})
    with pytest.raises(UserError, match=r"429.*left alone for 3,600 seconds"):
        fetch(wanted, tmp_path, QUICK, Silent())


def test_a_busy_server_is_not_asked_for_ever(place, wanted, tmp_path):
    place.always["/a.bin"] = Fault(status=503)
    with pytest.raises(UserError, match=r"503.*3 times in a row"):
        fetch(wanted, tmp_path, QUICK, Silent())


def test_redirections_are_followed_with_the_range_and_the_hub_publishes_checksums_on_the_way(place, tmp_path):
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    there = {"Location": "/a.bin", "X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(CONTENT))}
    place.always["/hub"] = Fault(status=302, headers=there)
    place.faults["/a.bin"] = [Fault(cut=10_000)]
    wanted = Wanted(url=f"{place.url}/hub", name="a.bin")
    assert fetch(wanted, tmp_path, QUICK, Silent()).read_bytes() == CONTENT
    assert place.ranges("/a.bin") == [None, "bytes=10000-"]
    assert look(wanted, QUICK, Silent()).sha256 == sha256
    place.always["/a.bin"] = Fault(body=CONTENT[::-1])
    (tmp_path / "a.bin").unlink()
    with pytest.raises(UserError, match=f"{sha256} was published"):
        fetch(wanted, tmp_path, QUICK, Silent())


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/a", "/hub", "data:,x"])
def test_a_redirection_to_anywhere_else_is_refused(place, tmp_path, location):
    place.always["/hub"] = Fault(status=302, headers={"Location": location})
    with pytest.raises(UserError, match=r"redirects to .*not followed"):
        fetch(Wanted(url=f"{place.url}/hub", name="a.bin"), tmp_path, QUICK, Silent())


@pytest.mark.parametrize(("new", "followed"), [("https://b/", True), ("http://b/", False), ("ftp://b/", False)])
def test_what_was_asked_for_over_https_is_never_fetched_over_http(new, followed):
    request = urllib.request.Request("https://a/")
    if followed:
        assert _Redirections().redirect_request(request, io.BytesIO(), 302, "", Message(), new).full_url == new
    else:
        with pytest.raises(urllib.error.HTTPError):
            _Redirections().redirect_request(request, io.BytesIO(), 302, "", Message(), new)


def test_a_log_gets_how_far_it_is_how_fast_and_how_long_the_rest_takes():
    assert describe("a.zip", 60_000_000, 100_000_000, 50_000_000, 10) == "a.zip: 60 of 100 MB, 5.0 MB/s, 0:00:08 left"
    assert describe("a.zip", 60_000_000, None, 0, 0) == "a.zip: 60 MB, 0.0 MB/s"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/a", "a.bin", "http://127.0.0.1:port/a"])
def test_an_address_that_is_no_http_is_refused(tmp_path, url):
    with pytest.raises(UserError, match=r"Correct"):
        fetch(Wanted(url=url, name="a.bin"), tmp_path, QUICK, Silent())


@pytest.mark.parametrize(
    ("headers", "words"),
    [({"Content-Type": "text/html; charset=utf-8"}, "a web page"), ({"Content-Encoding": "gzip"}, "packed")],
)
def test_what_is_no_file_is_told_from_one(place, wanted, tmp_path, headers, words):
    place.always["/a.bin"] = Fault(headers=headers)
    with pytest.raises(UserError, match=words):
        fetch(wanted, tmp_path, QUICK, Silent())


def test_a_range_that_is_not_the_one_asked_for_is_no_part_of_the_file(place, wanted, tmp_path):
    place.faults["/a.bin"] = [Fault(cut=10_000), Fault(headers={"Content-Range": "bytes 5-9/51200"})]
    assert fetch(wanted, tmp_path, QUICK, Silent()).read_bytes() == CONTENT


def test_nobody_at_the_address_is_one_line(tmp_path):
    with Place() as gone:
        url = gone.url
    with pytest.raises(UserError, match="the connection failed"):
        fetch(Wanted(url=f"{url}/a", name="a"), tmp_path, QUICK, Silent())


def test_a_folder_that_cannot_be_written_is_one_line(place, wanted, tmp_path):
    (tmp_path / "a.bin.part").mkdir()
    with pytest.raises(UserError):
        fetch(wanted, tmp_path, QUICK, Silent())
