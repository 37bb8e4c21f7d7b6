"""A fake of GitHub's REST API, over real HTTP: the real one can't be had in a test."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "hospital/scans"
TOKEN = "a-token"  # noqa: S105 -- opens the fake alone
PAGE = 2  # comments a page: the real one gives a hundred


@dataclass
class FakeForge:
    """What the fake holds, and how it behaves.

    Attributes:
        url: Where it listens.
        pulls: Pull requests, in order.
        comments: Comments, in order.
        events: `repository_dispatch` events.
        fail_next: Answers with this status as often as it is listed, before anything else.
        asked: Method and path of each request.
    """

    url: str = ""
    pulls: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    fail_next: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Variables that point at it."""
        return {"GITHUB_API_URL": self.url, "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_TOKEN": TOKEN}

    def answer(self, method: str, path: str, query: dict[str, list[str]], given: Any) -> tuple[int, Any, str]:
        """Do what GitHub's documentation says; give status, content and the next page."""
        if method == "GET" and path == "pulls":
            owner, branch = query["head"][0].split(":")
            assert owner == REPOSITORY.split("/", maxsplit=1)[0]
            return 200, [p for p in self.pulls if p["head"] == branch and p["state"] == "open"], ""
        if method == "POST" and path == "pulls":
            number = len(self.pulls) + 1
            self.pulls.append(
                {**given, "number": number, "state": "open", "html_url": f"{self.url}/pull/{number}"}
            )
            return 201, self.pulls[-1], ""
        if method == "PATCH" and (found := re.fullmatch(r"pulls/(\d+)", path)):
            self.pulls[int(found[1]) - 1].update(given)
            return 200, self.pulls[int(found[1]) - 1], ""
        if method == "POST" and path == "dispatches":
            self.events.append(given)
            return 204, None, ""
        return self._about_comments(method, path, query, given)

    def _about_comments(
        self, method: str, path: str, query: dict[str, list[str]], given: Any
    ) -> tuple[int, Any, str]:
        if method == "GET" and path == "issues/7/comments":
            page = int(query.get("page", ["1"])[0])
            shown = self.comments[(page - 1) * PAGE : page * PAGE]
            following = f"{self.url}/repos/{REPOSITORY}/issues/7/comments?page={page + 1}"
            return 200, shown, following if len(self.comments) > page * PAGE else ""
        if method == "POST" and path == "issues/7/comments":
            self.comments.append({**given, "id": len(self.comments), "html_url": f"{self.url}/pull/7"})
            return 201, self.comments[-1], ""
        if method == "PATCH" and (found := re.fullmatch(r"issues/comments/(\d+)", path)):
            self.comments[int(found[1])].update(given)
            return 200, self.comments[int(found[1])], ""
        return 404, {"message": "Not Found"}, ""


@contextmanager
def listening() -> Iterator[FakeForge]:
    """Start a fake on a free port of this machine; it ends with the block."""
    fake = FakeForge()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            asked = urlsplit(self.path)
            fake.asked.append(f"{self.command} {asked.path}")
            given = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
            following = ""
            if fake.fail_next:
                status, content = fake.fail_next.pop(0), {"message": "out of order"}
            elif self.headers["Authorization"] != f"Bearer {TOKEN}":
                status, content = 401, {"message": "Bad credentials"}
            else:
                path = asked.path.removeprefix(f"/repos/{REPOSITORY}/")
                status, content, following = fake.answer(self.command, path, parse_qs(asked.query), given)
            self.send_response(status)
            if following:
                self.send_header("Link", f'<{following}>; rel="next"')
            body = b"" if content is None else json.dumps(content).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = _do  # noqa: N815 -- names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Keep the terminal clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
