"""The page of a service that wants a token: it asks once, and sends again what was refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scanops.serving import tokens
from tests.bundles import make_bundle
from tests.served import serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_a_wrong_token_is_told_and_the_right_one_answers(
    browser: Browser, scan: Path, tmp_path: Path
) -> None:
    """The token is typed by keyboard, kept out of address and storage, and answers what was refused, once."""
    token, line = tokens.make("ward")
    file = tmp_path / "tokens"
    file.write_text(f"{line}\n", encoding="utf-8")
    with serve(make_bundle(tmp_path / "bundle"), tmp_path, "--tokens", str(file)) as served:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.goto(served.url)
        assert page.locator("#access").is_hidden()
        page.get_by_label("Choose files").set_input_files(scan)
        page.locator("#access").wait_for()
        page.keyboard.type("not-the-token")
        page.keyboard.press("Enter")
        page.locator(".failed", has_text="valid access token").wait_for()
        page.locator("#access").wait_for()
        for _ in range(2):  # still without the token
            with page.expect_response("**/v1/predict"):
                page.get_by_role("button", name="Try again").click()
            page.locator(".failed", has_text="valid access token").wait_for()
        page.screenshot(path=tmp_path / "token.png")
        asked: list[str] = []
        page.on("request", lambda sent: asked.append(sent.url))
        page.get_by_label("Access token").fill(token)
        page.get_by_role("button", name="Use it").click()
        page.locator(".card .bars").first.wait_for()
        page.wait_for_load_state("networkidle")
        assert [url for url in asked if url.endswith("/v1/predict")] == [f"{served.url}/v1/predict"]
        assert page.locator(".map-panel").count() == 1
        assert page.locator("#access").is_hidden()
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        assert token not in page.url
        page.close()
    assert token not in served.log.read_text(encoding="utf-8")
