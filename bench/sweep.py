"""The sweep: revocations a second beside a bare loop of the same updates, and how both grow."""

from bench.engine import engine
from bench.measure import Cell, Figure, Sample, Table
from bench.setup import Setup

FILL = "bench.handlers.fill:due"
SWEEP = "functions.expire.app:handler"
FIND, LOOP = "bench.handlers.bare:find", "bench.handlers.bare:revoke"
ROUNDS = {1_000: 7, 10_000: 3, 100_000: 1}


def run(setup: Setup) -> list[Table]:
    rounds = {200: 2, 1_000: 2} if setup.quick else ROUNDS
    rows: list[list[Cell]] = []
    first: tuple[float, float] | None = None
    for due, repetitions in rounds.items():
        ours: list[float] = []
        bare: list[float] = []
        peaks: list[float] = []
        for number in range(repetitions):
            # Whichever is second must not always find the warmer machine.
            for which in ("ours", "bare") if number % 2 else ("bare", "ours"):
                rate, peak = _revoke(setup, due, bare=which == "bare")
                (ours if which == "ours" else bare).append(rate)
                if which == "ours":
                    peaks.append(peak)
        mine, loop = Sample(ours, "/s"), Sample(bare, "/s")
        first = first or (mine.median, loop.median)
        beside = Figure(mine.over(loop), least=0.8)
        growth = (Figure(mine.median / first[0]), Figure(loop.median / first[1]))
        rows.append([f"{due:,}", mine, loop, beside, *growth, Sample(peaks, "MB")])
    note = (
        "Revocations a second on DynamoDB Local, which shares the processor with what calls it; a fresh engine and a "
        "fresh instance each time. The bare loop has as many threads and knows what is due without reading the index. "
        "Growth is that of the medians."
    )
    columns = ("due", "sweep", "bare loop", "sweep × bare", "sweep × its first", "bare × its first", "peak memory")
    return [Table("Sweep", note, columns, rows)]


def _revoke(setup: Setup, due: int, bare: bool) -> tuple[float, float]:
    """Revocations a second, and peak megabytes of the process."""
    with engine(setup) as local:
        local.worker(FILL, libraries=setup.default).call(FILL, [{"count": due}])
        worker = local.worker(FIND, LOOP) if bare else local.worker(SWEEP)
        if bare:
            worker.call(FIND, [{}])
        block = worker.call(LOOP if bare else SWEEP, [{}])
        assert block.last["revoked"] == due, block.last
        return due / block.walls[0], block.peak / 1024
