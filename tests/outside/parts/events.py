"""Posts of the webhook on standard input, [{"headers", "body"}], received by the CloudEvents SDK for Python."""

import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event

received = [from_http_event(HTTPMessage(p["headers"], p["body"].encode())) for p in json.load(sys.stdin)]
shown = [{"id": e.get_id(), "type": e.get_type(), "subject": e.get_subject(), "data": e.get_data()} for e in received]
print(json.dumps(shown))
