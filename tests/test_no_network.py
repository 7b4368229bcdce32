"""No command but those that download or push asks the network for anything (SECURITY.md)."""

import socket

import pytest

from command_line import harness
from geobench_files import write_dataset


@pytest.fixture
def asked(monkeypatch):
    """Who was to be reached. Nobody can be."""
    tried: list[object] = []

    def refuse(place, *_, **__):
        tried.append(place)
        raise OSError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", lambda _, place: refuse(place))
    monkeypatch.setattr(socket.socket, "connect_ex", lambda _, place: refuse(place))
    return tried


def test_commands_that_evaluate_and_read_ask_nobody(tmp_path, asked):
    write_dataset(tmp_path / "data", n_samples=12)
    board = ("--db", "board.duckdb")
    run = (
        "run",
        "--backbone",
        "image_statistics,random_init",
        "--geobench-dir",
        "data",
        "--protocols",
        "knn",
        "--missing-bands",
        "nearest",
    )
    for command in (
        (*run, "--cache-dir", "cache", "--device", "cpu", "--workers", "1", *board),
        ("leaderboard", *board),
        ("compare", "image_statistics", "random_init", *board),
        ("curve", *board),
        ("report", *board),
        ("sql", "SELECT count(*) FROM runs", *board),
        ("status", *board),
        ("backbones",),
        ("data", "list", "--geobench-dir", "data"),
        ("cache", "list", "--cache-dir", "cache"),
    ):
        result = harness(*command, cwd=tmp_path)
        assert result.returncode == 0, (command, result.stderr)
    assert asked == []
