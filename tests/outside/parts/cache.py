"""Reads the limits through an HTTP cache until past the end of an extension; prints what it got and when."""

import json
import os
import time
from datetime import UTC, datetime

from requests_cache import CachedSession

ends_at = datetime.fromisoformat(os.environ["ENDS_AT"])
session = CachedSession(backend="memory", cache_control=True, match_headers=["Authorization"])
session.headers["Authorization"] = f"Bearer {os.environ['MACHINE']}"
met = []
while not met or met[-1][0] < 3:
    answer = session.get(f"{os.environ['URL']}/accounts/{os.environ['ACCOUNT']}/limits")
    after_end = (datetime.now(UTC) - ends_at).total_seconds()
    met.append((after_end, answer.json()["limits"]["sessions"]["total"], answer.from_cache))
    time.sleep(0.1)
print(json.dumps(met))
