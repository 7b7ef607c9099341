"""POST /changes."""

from collections import Counter
from http import HTTPStatus
from typing import Any

from extending import api, batch, wire
from extending.metric import Metric
from extending.runtime import count_at_once, logger, metrics, remaining_seconds, utc_now

PATH = "/changes"

app = api.resolver("POST", PATH)


@app.post(PATH)
def store_changes() -> api.Response[str]:
    """The service manager's changes over HTTPS, stored as sync stores them, with one result for each."""
    now = utc_now()
    api.require_machine_token(app)
    entries = api.only_field(api.json_body(app, api.MOST_BYTES_OF_CHANGES), "changes", problem_of)
    results, retry_after = batch.store(entries, now, lambda: remaining_seconds(app.lambda_context))
    logger.info("changes stored", extra={"results": Counter(result["result"] for result in results)})
    headers = {}
    if retry_after:
        headers["Retry-After"] = str(retry_after)
        count_at_once(Metric.BATCH_TRY_AGAIN)
    return api.reply(HTTPStatus.OK, {"results": results}, headers)


def problem_of(entries: object) -> str | None:
    if not isinstance(entries, list) or isinstance(entries, wire.Pairs):
        return "not a list"
    return None if 1 <= len(entries) <= batch.MOST else f"1 to {batch.MOST} are expected"


@metrics.log_metrics
@logger.inject_lambda_context(correlation_id_path=api.CORRELATION_ID)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return api.resolve(app, event, context)
