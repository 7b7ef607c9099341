"""The way of containers to the local cloud; no Docker is needed here."""

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
