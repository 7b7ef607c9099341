"""The local cloud on one port: cabinet, API, tokens, and a window on the bus."""

import asyncio
import json
import threading
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from devkit.project import ROOT
from devkit.stage import Stack
from extending import inbound, items, wire
from extending.inbound import CHANGES
from extending.model import SOURCE
from local.identity import Identity
from local.listen import listen

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "te", "transfer-encoding", "upgrade"}
KEY = "x-amz-security-token"
"""The header in which MiniStack's guard looks for its key."""


class Anything(PathConvertor):
    """A path as it comes; Starlette's own convertor ends at a line break."""

    regex = r"(?s:.*)"


register_url_convertor("anything", Anything())


class LocalCloud:
    """The deployed stack as the local server uses it: its API, its bus, and what our own source puts there."""

    def __init__(self, stack: Stack, key: str, identity: Identity) -> None:
        self.identity = identity
        self.key = key
        self.api = f"{stack.endpoint}/_aws/execute-api/{stack.outputs['ApiId']}/$default"
        self.bus, self.table = stack.outputs["BusName"], stack.outputs["TableName"]
        self._dynamodb, self._events, self._sqs = map(stack.client, ("dynamodb", "events", "sqs"))
        self._kept: dict[tuple[str, str], dict[str, Any]] = {}
        self.seen: list[dict[str, Any]] = []
        self._window = listen(stack, "events-out", {"source": [SOURCE]})

    def collect(self) -> list[dict[str, Any]]:
        """All events out so far, in the order in which they came."""
        while messages := self._sqs.receive_message(QueueUrl=self._window, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                event = json.loads(message["Body"])
                shown = {"detail_type": event["detail-type"], "source": event["source"]}
                self.seen.append(shown | {"time": event["time"], "detail": event["detail"]})
                self._sqs.delete_message(QueueUrl=self._window, ReceiptHandle=message["ReceiptHandle"])
        return self.seen

    def put_event(self, detail_type: str, detail: Any) -> None:
        """Put an event on the bus as the service manager does; raises where the bus refuses it."""
        entry = {"EventBusName": self.bus, "Source": inbound.SOURCE, "DetailType": detail_type}
        answer = self._events.put_events(Entries=[entry | {"Detail": json.dumps(detail), "Time": datetime.now(UTC)}])
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"the bus refused {detail_type}")

    def keep(self) -> None:
        """Keep what there is, for `restore`."""
        self._kept = self._items()

    def restore(self) -> None:
        """Have every account that was kept as it was then, as no deployment can, so that all can be tried again."""
        for item in self._kept.values():
            self._dynamodb.put_item(TableName=self.table, Item=item)
        accounts = {partition for partition, _ in self._kept}
        for key, item in self._items().items():
            if key[0] in accounts and key not in self._kept:
                names = (items.PARTITION, items.SORT)
                self._dynamodb.delete_item(TableName=self.table, Key={name: item[name] for name in names})

    def _items(self) -> dict[tuple[str, str], dict[str, Any]]:
        """All items by their keys."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        found = (item for page in pages for item in page["Items"])
        return {(item[items.PARTITION]["S"], item[items.SORT]["S"]): item for item in found}


MOST_DETAIL_TYPE = 128
"""Characters of a detail type that EventBridge accepts."""


class Door:
    """Lets in what is asked under a name of this machine, by a page that may ask or by no page at all.

    A name of somebody else's may lead here as well (DNS rebinding); a foreign page can send what it cannot read.
    """

    def __init__(self, app: ASGIApp, own: list[str], others: list[str]) -> None:
        self._app = app
        self._hosts = {urlsplit(origin).netloc for origin in own}
        self._pages = {*own, *others}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if headers.get("host", "").lower() not in self._hosts:
                await JSONResponse({"error": "not served under this name"}, 403)(scope, receive, send)
                return
            if any(origin not in self._pages for origin in headers.getlist("origin")):
                expected = "not for pages of this origin: ORIGINS=… behind make run names those that may ask"
                await JSONResponse({"error": expected}, 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def application(cloud: LocalCloud, own: list[str], others: list[str]) -> Starlette:
    """The local surface as one ASGI application: its own origins, and those of other pages that may use it."""
    client = httpx.AsyncClient(timeout=120)  # Eight functions may be starting at once, on two cores.

    async def api(request: Request) -> Response:
        raw_path = request.scope["raw_path"].decode("latin-1").removeprefix("/api")
        url = httpx.URL(cloud.api + raw_path, query=request.url.query.encode() or None)
        if not str(url).startswith(f"{cloud.api}/"):  # Out of it by dots.
            return JSONResponse({"message": "Not Found"}, 404)
        headers = [(k, v) for k, v in request.headers.raw if k.decode().lower() not in HOP_BY_HOP | {KEY}]
        headers.append((KEY.encode(), cloud.key.encode()))
        body = await request.body()
        try:
            body.decode()
        except UnicodeDecodeError:  # MiniStack would put U+FFFD for these; of other types it keeps the bytes.
            headers = [(k, v) for k, v in headers if k.lower() != b"content-type"]
        answer = await client.request(request.method, url, headers=headers, content=body)
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP | {"content-encoding", "date"}}
        return Response(answer.content, answer.status_code, kept)

    async def token(request: Request) -> Response:
        match dict(request.query_params):
            case {"user": str(user), **others} if user and not others:
                signed = cloud.identity.token(user)
            case {"client": str(client), "scope": str(scope), **others} if client and scope and not others:
                signed = cloud.identity.token(client, scope=scope)
            case _:
                expected = (
                    "name a user: /token?user=U-1, or a machine: /token?client=service-manager&scope=changes:write"
                )
                return JSONResponse({"error": expected}, 400)
        return JSONResponse({"access_token": signed}, headers={"Cache-Control": "no-store"})

    async def put_event(request: Request) -> Response:
        try:
            event = wire.plain(wire.parse(await request.body()))
        except ValueError:
            event = None
        match event:
            case {"detail_type": str(detail_type), "detail": dict(detail)} if 1 <= len(detail_type) <= MOST_DETAIL_TYPE:
                await asyncio.to_thread(cloud.put_event, detail_type, detail)
                return JSONResponse({"accepted": True}, 202)
        expected = f'send {{"detail_type": "…", "detail": {{…}}}}; the detail types are {", ".join(CHANGES)}'
        return JSONResponse({"error": expected}, 400)

    def events_out(_: Request) -> Response:
        with collecting:
            return JSONResponse({"events": cloud.collect()})

    def reset(_: Request) -> Response:
        cloud.restore()
        return JSONResponse({"restored": True})

    collecting = threading.Lock()
    everything = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return Starlette(
        routes=[
            Route("/api/{path:anything}", api, methods=everything),  # with the CORS of the template
            Mount(
                "/",
                routes=[
                    Route("/token", token),
                    Route("/people", lambda _: FileResponse(ROOT / "local" / "people.json")),
                    Route("/reset", reset, methods=["POST"]),
                    Route("/events", put_event, methods=["POST"]),
                    Route("/events", events_out),
                    Route("/.well-known/jwks.json", lambda _: JSONResponse(cloud.identity.jwks())),
                    Route("/.well-known/openid-configuration", lambda _: JSONResponse(cloud.identity.discovery())),
                    Mount("/", Cabinet(directory=ROOT / "cabinet", html=True)),
                ],
                middleware=[
                    Middleware(
                        CORSMiddleware,
                        allow_origins=[*own, *others],
                        allow_methods=["GET", "POST"],
                        allow_headers=["Content-Type"],
                    )
                ],
            ),
        ],
        middleware=[Middleware(Door, own=own, others=others)],
    )


class Cabinet(StaticFiles):
    """The static files of the cabinet, with the policy that an embedding page should have too."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Content-Security-Policy"] = CSP
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
