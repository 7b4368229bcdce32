"""Where no Ray cluster is, that is said at once."""

import socket

import pytest

from harness.campaign.executors.on_ray import _cluster, _reach
from harness.errors import UserError


@pytest.fixture
def nobody():
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        _reach(address)  # somebody does now
    return address


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nobody_listens_is_no_cluster(nobody, scheme):
    with pytest.raises(ConnectionError):
        _reach(scheme + nobody)


@pytest.mark.parametrize("address", ["auto", "local"])
def test_words_are_left_to_ray(address):
    _reach(address)


def test_it_is_one_line(nobody):
    pytest.importorskip("ray", reason="the extra `ray`")
    with (
        pytest.raises(UserError, match=f"^--ray-address {nobody}: no Ray cluster was found there"),
        _cluster(nobody, 1),
    ):
        pass
