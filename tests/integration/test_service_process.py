"""Tokens and rates in a real process: behind a proxy and not, and while tokens change."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanops.serving import tokens
from tests.bundles import make_bundle
from tests.served import serve

RATE = ("--rate", "0.001", "--burst", "1")


@pytest.mark.parametrize("trusted", [True, False])
def test_a_forwarded_address_counts_only_from_a_trusted_proxy(tmp_path: Path, trusted: bool) -> None:
    """Else each client could pretend to be many."""
    flags = ("--trusted-proxies", "127.0.0.1") if trusted else ()
    with (
        serve(make_bundle(tmp_path / "bundle"), tmp_path, *RATE, *flags) as served,
        served.client() as client,
    ):
        statuses = [
            client.get("/v2", headers={"x-forwarded-for": f"{spoofed}, 203.0.113.{number}"}).status_code
            for number, spoofed in [(1, "198.51.100.1"), (2, "198.51.100.1"), (2, "198.51.100.2")]
        ]
    assert statuses == ([200, 200, 429] if trusted else [200, 429, 429])


def test_tokens_rotate_while_it_runs(tmp_path: Path) -> None:
    """Old and new hold together, then the new one alone; the log is JSON and holds no token."""
    (old, first), (new, second) = tokens.make("gateway"), tokens.make("gateway")
    file = tmp_path / "tokens"

    def put(text: str) -> None:
        (tmp_path / "next").write_text(text, encoding="utf-8")
        (tmp_path / "next").replace(file)

    put(first)
    told = {"SCANOPS_TOKENS": str(file), "SCANOPS_IMAGE_DIGEST": "sha256:" + "7" * 64}
    with (
        serve(make_bundle(tmp_path / "bundle"), tmp_path, **told) as served,
        served.client() as client,
    ):

        def ask(token: str) -> int:
            return client.get("/v2", headers={"authorization": f"Bearer {token}"}).status_code

        assert (ask(old), ask(new), client.get("/v2").status_code) == (200, 401, 401)
        put(f"{first}\n{second}\n")
        assert (ask(old), ask(new)) == (200, 200)
        put(second)
        assert (ask(old), ask(new)) == (401, 200)
        assert client.get("/version").json()["image_digest"] == told["SCANOPS_IMAGE_DIGEST"]
        lines = served.lines()
    owners = [line["token"] for line in lines if "token" in line and line["event"] == "request"]
    assert owners == ["gateway"] * 4
    assert all({"time", "level", "event"} <= set(line) for line in lines)
    assert not [token for token in (old, new) if token in served.log.read_text(encoding="utf-8")]
