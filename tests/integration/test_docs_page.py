"""The API's description in a real browser: all of it is there, and nothing comes from elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bundles import make_bundle
from tests.patience import PATIENCE_S
from tests.served import serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_the_page_shows_the_whole_document(browser: Browser, tmp_path: Path) -> None:
    """Every operation and schema, without a console error, a foreign request or a sideways scroll."""
    with serve(make_bundle(tmp_path / "bundle"), tmp_path) as served, served.client() as client:
        document = client.get("/openapi.json").json()
        context = browser.new_context(viewport={"width": 390, "height": 800})
        context.set_default_timeout(1000 * PATIENCE_S)
        page = context.new_page()
        faults: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{served.url}/docs")
        page.wait_for_selector("main[aria-busy=false]")
        headings = page.locator("h2").all_text_contents()
        for path, methods in document["paths"].items():
            assert {f"{method.upper()}{path}" for method in methods} <= set(headings)
        summaries = page.locator("summary").all_text_contents()
        assert set(document["components"]["schemas"]) <= set(summaries)
        shown = page.locator("summary", has_text=re.compile("^FileAnswer$")).locator("+ pre").text_content()
        assert json.loads(shown or "") == document["components"]["schemas"]["FileAnswer"]
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert "not for diagnosis" in page.locator("#notice").inner_text()
        page.set_viewport_size({"width": 1280, "height": 800})
        page.screenshot(path=tmp_path / "docs.png")
        context.close()
    assert faults == []
    assert [url for url in asked if not url.startswith(served.url)] == []
