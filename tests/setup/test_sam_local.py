"""The way of containers to the local cloud; no Docker is needed here."""

import os
import socket
import threading
from pathlib import Path

import pytest

from local import sam_local


@pytest.mark.parametrize(
    ("docker", "own"),
    [
        (None, None),
        ("echo cannot connect >&2; exit 1", None),
        ("echo 198.51.100.0/24", None),
        ("echo 127.0.0.0/8", "127.0.0.1"),
    ],
    ids=["no Docker", "no engine", "a bridge elsewhere", "a bridge here"],
)
def test_only_a_bridge_of_this_machine_can_carry_a_relay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, docker: str | None, own: str | None
) -> None:
    """Functions run in the emulator where there is none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    if docker:
        stand_in = tmp_path / "docker"
        stand_in.write_text(f"#!/bin/sh\n{docker}\n")
        stand_in.chmod(0o755)
    assert sam_local.bridge() == own


def test_a_relay_passes_on_both_ways_until_it_ends() -> None:
    """Whole messages, an end that is an end, and no port afterwards."""
    sent = os.urandom(1_000_000)
    with socket.create_server(("127.0.0.1", 0)) as target:

        def echo() -> None:
            connection, _ = target.accept()
            with connection:
                connection.sendall(received(connection))

        threading.Thread(target=echo, daemon=True).start()
        with sam_local.relay("127.0.0.1", target.getsockname()) as port:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
                assert received(client) == sent
            target.close()
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                assert client.recv(1) == b""  # The cloud has ended.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)


def received(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))
