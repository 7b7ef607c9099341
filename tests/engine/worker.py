"""One instance of the functions: a process of its own that serves one call at a time, as on Lambda.

Calls come as JSON lines on stdin, answers leave as JSON lines on stdout.
"""

import json
import os
import sys


def main() -> None:
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        # Logs and metrics go to stdout as well; nobody reads them here.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        from devkit.service import Context, invoke
        from tests.engine.client import connect, use

        for name in sys.argv[1:]:
            __import__(f"functions.{name}.app")
        use(connect(os.environ["AWS_ENDPOINT_URL_DYNAMODB"]), os.environ["TABLE_NAME"], setattr)
        if batch := sys.modules.get("extending.batch"):
            vars(batch)["BEGIN_WITHIN"] = 600.0  # How much one request stores is no question of how fast we are.
        answers.write("ready\n")
        for line in sys.stdin:
            call = json.loads(line)
            try:
                answer = invoke(call["name"], call["event"], Context(call["seconds"]))
            except Exception as error:
                answer = {"error": repr(error)}
            answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
