"""The validation report in a real browser, opened from the file system."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scanops.quality import page as report_page
from scanops.validation_rules import Severities, Validation
from tests import validated

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
PRINTED_WIDTH_PX = 695  # A4 without its margins, at 96 px an inch

# WCAG 2.1: contrast is (L1 + 0.05) / (L2 + 0.05) of the relative luminances, 4.5 at least for text.
FAINT_TEXT = """() => {
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  let seen = 0;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const ink = element.closest("svg") ? style.fill : style.color;
    const pair = [luminance(parse(ink)), luminance(ground(element))];
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    seen += 1;
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)} ${texts.currentNode.data.trim()}`);
  }
  return { seen, faint };
}"""


# Within 200 frames: the page's own policy forbids what Playwright would wait with.
SCROLLED = """() => new Promise((done) => {
  const look = (frames) => document.activeElement.scrollLeft > 0 || !frames
    ? done(frames > 0) : requestAnimationFrame(() => look(frames - 1));
  look(200);
})"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report on data with every kind of defect and names that mean harm."""
    manifest = validated.manifest()
    html = report_page.render(
        manifest, validated.report(manifest), validated.picture, "Validation of a set", Validation()
    )
    path = tmp_path_factory.mktemp("report") / "validation report.html"
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture(params=[(1280, 860, "light"), (390, 844, "dark")], ids=["desktop", "phone"])
def page(browser: Browser, file: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Open the page; afterwards hold it to no fault on the console and no request but its own file."""
    width, height, scheme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(dialog.message))
    requests: list[str] = []
    page.on("request", lambda sent: requests.append(sent.url))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert faults == []
    assert [sent for sent in requests if not sent.startswith("data:")] == [file.as_uri()]


def test_verdict_and_gist_are_seen_at_once(page: Page) -> None:
    """The verdict is in words, and stands above the fold with the title and the gist."""
    height = page.evaluate("window.innerHeight")
    for selector in ("h1", ".verdict", ".gist"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < height
    assert page.locator(".verdict").inner_text().split("\n")[-2:] == [
        "Warn",
        "usable, with warnings to read first",
    ]


def test_every_picture_is_there(page: Page) -> None:
    """Each image was decoded, has a place of its own, and says what it is."""
    images = page.locator("img").evaluate_all(
        "images => images.map(image => [image.naturalWidth, image.clientWidth, image.alt])"
    )
    assert len(images) > 40
    assert all(natural > 0 and shown > 30 and alt for natural, shown, alt in images)


def test_each_kind_of_defect_is_reached(page: Page) -> None:
    """The list of defects leads to a sheet for each kind."""
    for kind in Severities.model_fields:
        page.locator(f'.kinds a[href="#sheet-{kind}"]').click()
        sheet = page.locator(f"#sheet-{kind}")
        assert sheet.is_visible()
        assert sheet.locator("li").count() >= 1


def test_pairs_are_side_by_side(page: Page) -> None:
    """At any width the two images of a pair stand on one line, at the same size."""
    for pair in page.locator(".pair").all():
        left, right = (image.bounding_box() for image in pair.locator("img").all())
        assert left
        assert right
        assert left["y"] == right["y"]
        assert left["width"] == pytest.approx(right["width"], abs=0.1)
        assert left["x"] + left["width"] < right["x"]


def test_nothing_is_cut_off(page: Page) -> None:
    """The page never scrolls sideways, even with a name of 255 characters; wide tables do, by themselves."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    outside = page.locator("main *").evaluate_all(
        """elements => elements.filter(element => !element.closest(".scroll"))
            .filter(element => element.getBoundingClientRect().right > window.innerWidth + 0.5).length"""
    )
    assert outside == 0


def test_wide_tables_scroll_by_the_keyboard(page: Page) -> None:
    """Each region that may scroll takes the focus and has a name; the arrow keys move a wide one."""
    regions = page.locator(".scroll")
    assert regions.count() >= 6
    for region in regions.all():
        assert region.get_attribute("role") == "region"
        assert region.get_attribute("aria-label")
        region.focus()
        assert region.evaluate("element => document.activeElement === element")
        if region.evaluate("element => element.scrollWidth > element.clientWidth"):
            page.keyboard.press("ArrowRight")
            assert page.evaluate(SCROLLED)


def test_structure_is_that_of_a_document(page: Page) -> None:
    """One main heading, no level left out, landmarks, a language, and headers that say what they head."""
    levels = page.locator("h1, h2, h3, h4, h5, h6").evaluate_all("all => all.map(one => +one.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    for landmark in ("header", "nav", "main", "footer"):
        assert page.locator(f"body > {landmark}").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("body > footer").inner_text().endswith("not for diagnosis.")


def test_keyboard_starts_at_the_skip_link(page: Page) -> None:
    """The first stop is the skip link; it becomes visible and leads to the content."""
    page.keyboard.press("Tab")
    link = page.locator(".skip")
    assert link.evaluate("element => document.activeElement === element")
    box = link.bounding_box()
    assert box
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_text_stands_out(page: Page) -> None:
    """All text has a contrast of 4.5 at least, also where the reader's system is dark."""
    found = page.evaluate(FAINT_TEXT)
    assert found["seen"] > 200
    assert found["faint"] == []


def test_paper_holds_the_whole_page(page: Page) -> None:
    """Printed, the links that lead nowhere are gone, and no table or figure is wider than the sheet."""
    page.set_viewport_size({"width": PRINTED_WIDTH_PX, "height": 1000})
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    widths = page.locator("body, table, figure, .pairs, .thumbs").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().right)"
    )
    assert max(widths) <= PRINTED_WIDTH_PX
    assert (
        page.locator(".scroll").first.evaluate("element => getComputedStyle(element).overflowX") == "visible"
    )
