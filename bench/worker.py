"""One instance of a function, as Lambda has it: a process of the run time's Python that is called again and again.

Calls come as JSON lines on stdin, one block of events of one handler (`module:name`) in each; its times
leave as a JSON line on stdout.
"""

import json
import os
import sys
import time
import warnings
from importlib import import_module
from typing import Any

from devkit.service import Context


def peak() -> int:
    """Most kilobytes this process has held; getrusage would count the process that started it."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def named(path: str) -> Any:
    """The object of a `module:name`."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def main() -> None:
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        # Logs and metrics go to stdout as well; nobody reads them here.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        warnings.simplefilter("ignore")  # Powertools warns of calls that have nothing to count.
        for line in sys.stdin:
            block = json.loads(line)
            handler, answer = named(block["handler"]), None
            walls = []
            cpu = time.process_time()
            for event in block["events"]:
                started = time.perf_counter()
                answer = handler(event, Context(86_400))
                walls.append((time.perf_counter() - started) * 1000)
            cpu = (time.process_time() - cpu) * 1000 / max(1, len(walls))
            answers.write(json.dumps({"cpu": cpu, "walls": walls, "peak": peak(), "last": answer}) + "\n")


if __name__ == "__main__":
    main()
