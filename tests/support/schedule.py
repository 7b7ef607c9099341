"""The order of the tests over the workers: the longest begin first, those that wait have workers of their own."""

from typing import TYPE_CHECKING

from xdist.scheduler.loadscope import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

WATCHED = "tests/browser/test_story.py::test_an_extension_is_watched_until_the_schedule_has_taken_it_back"

WAITING = {
    WATCHED: "the browser's watch",
    "tests/e2e/test_story.py": "the schedule",
    "tests/e2e/test_logs.py": "the schedule",
}
"""Tests that mostly wait for the schedule of the local cloud: their worker runs nothing else, or it would wait too.

The logs are read when all other tests are over; the story that is logged begins with the first tests.
"""

TOGETHER = {
    "tests/e2e/test_operating.py": "the failure queues",
    "tests/e2e/test_publish.py": "the failure queues",
    "tests/e2e/test_rehearse.py": "the failure queues",
    "tests/browser/test_ahead.py": "a second browser",
    "tests/browser/test_asking.py": "a second browser",
    "tests/browser/test_story.py": "a second browser",
    "tests/browser/test_trouble.py": "a second browser",
    "tests/browser": "the browser",
}
"""Tests that would take something out of each other's hands, or start something each of their own."""

FIRST = [
    "tests/browser",
    "tests/engine/test_agreement.py",
    "tests/engine/test_faults.py",
    "tests/e2e/test_attack_generated.py",
    "tests/e2e",
    "tests/engine",
]
"""The others by how long they take: a browser is driven by one worker, and no other can take over from it."""

WORKERS = len(set(WAITING.values())) + 3
"""Those that wait, and three for two cores: each of them waits now and then for a server."""


def scope(nodeid: str) -> str:
    """The tests of one scope run in one worker, one after the other: those of a file, or those that belong together."""
    for path, name in {**WAITING, **TOGETHER}.items():
        if nodeid.startswith(path):
            return name
    # Each part of the room of interleavings is as good alone.
    return nodeid if nodeid.startswith("tests/interleavings") else nodeid.partition("::")[0]


def place(nodeid: str) -> int:
    """The place of a test among the others."""
    for rank, path in enumerate([*WAITING, *FIRST]):
        if nodeid.startswith(path):
            return rank
    return len(WAITING) + len(FIRST)


class Schedule(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Scope by scope in the order of collection; a worker that waits is given nothing more."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)

    def _assign_work_unit(self, node: "WorkerController") -> None:
        given = next(iter(self.workqueue))
        super()._assign_work_unit(node)
        others = [each for each in self.nodes if each is not node and not each.shutting_down]
        if given in WAITING.values() and others:
            node.shutdown()  # once it has run what it has
