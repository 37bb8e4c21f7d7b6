"""The page in a real browser: heat maps, this visit's list, the keyboard alone, and accessibility."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from scanops.bundle.predictor import Predictor
from tests import dicom_files

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

NOTICE = "not for diagnosis"
# For what does not depend on the width.
WIDE = pytest.mark.parametrize("page", [(1280, 860, "light")], ids=["desktop"], indirect=True)
SERIOUS = ("serious", "critical")
FOCUSED = "document.activeElement.id || document.activeElement.className || document.activeElement.localName"
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def send(page: Page, *files: Path) -> Locator:
    """Choose files and wait for the answer of the last; gives the cards."""
    page.set_input_files("#files", [str(file) for file in files])
    cards = page.locator(".card:not(.waiting)")
    cards.nth(len(files) - 1).wait_for()
    return cards


def rgb(image: Locator) -> np.ndarray:
    """Read the pixels of a shown image, red, green, blue and opacity."""
    values = image.evaluate(
        """image => {
            const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
            const pen = canvas.getContext("2d");
            pen.drawImage(image, 0, 0);
            return [...pen.getImageData(0, 0, canvas.width, canvas.height).data];
        }"""
    )
    side = int((len(values) / 4) ** 0.5)
    return np.array(values, np.uint8).reshape(side, side, 4)


def findings(page: Page) -> list[str]:
    """Ask axe-core what is serious; each finding with the places it is at."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {[node['target'] for node in rule['nodes']]}"
        for rule in found
        if rule["impact"] in SERIOUS
    ]


def test_the_map_lies_on_what_the_model_saw(page: Page, scan: Path, bundle: Path) -> None:
    """Under the map is the network's own input, pixel by pixel, and both cover the same place."""
    cards = send(page, scan)
    cards.get_by_role("button", name="Show heat map").click()
    heat = page.locator(".heat")
    heat.wait_for()
    seen = page.get_by_alt_text("What the model saw, 64 × 64 pixels")
    assert np.array_equal(rgb(seen)[..., :3], Predictor(bundle).prepare(scan.read_bytes()))
    assert seen.bounding_box() == heat.bounding_box()
    opacity = rgb(heat)[..., 3]
    assert opacity.min() < 100 < opacity.max()
    assert NOTICE in cards.inner_text()
    assert "Heat map for" in page.get_by_role("status").inner_text()
    page.get_by_role("button", name="Hide heat map").click()
    assert cards.get_by_role("img").evaluate("image => image.naturalWidth") == 300


@WIDE
def test_the_slider_sets_how_much_of_the_map_is_seen(page: Page, scan: Path) -> None:
    """With the keyboard from nothing to all of it; the value is said, and the next map has it too."""
    cards = send(page, scan, scan)
    cards.first.get_by_role("button", name="Show heat map").click()
    slider = cards.first.get_by_role("slider", name="Opacity of the heat map")
    cards.first.locator(".heat").wait_for()
    for key, shown in (("Home", "0"), ("ArrowRight", "0.05"), ("End", "1")):
        slider.press(key)
        assert cards.first.locator(".heat").evaluate("image => getComputedStyle(image).opacity") == shown
    assert slider.get_attribute("aria-valuetext") == "100 %"
    slider.press("ArrowLeft")
    cards.nth(1).get_by_role("button", name="Show heat map").click()
    cards.nth(1).locator(".heat").wait_for()
    assert cards.nth(1).locator(".heat").evaluate("image => getComputedStyle(image).opacity") == "0.95"
    assert cards.nth(1).get_by_role("slider").input_value() == "95"


@WIDE
def test_each_class_has_a_map_of_its_own(page: Page, scan: Path) -> None:
    """Another class is another map; a class looked at before is not asked for again."""
    cards = send(page, scan)
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    cards.get_by_role("button", name="Show heat map").click()
    heat, maps = page.locator(".heat"), {}
    for label in ("glioma", "meningioma", "no_tumor", "glioma"):
        page.get_by_label("Evidence for").select_option(label)
        shown = label.replace("_", " ").capitalize()
        page.get_by_alt_text(f"Heat map: where the evidence for {shown} lies").wait_for()
        maps[label] = rgb(heat).tobytes()
    assert len(set(maps.values())) > 1
    explained = [sent.partition("class=")[2] for sent in asked if "/v1/explain" in sent]
    assert sorted(explained) == ["glioma", "meningioma", "no_tumor"]


@WIDE
def test_a_map_that_cannot_be_had_is_told(page: Page, scan: Path) -> None:
    """The reason stands beside the answer, which stays; opened again it asks again (a fake refusal)."""
    refusal = {"status": 409, "detail": "The bundle is older than heat maps and cannot give one."}
    page.route("**/v1/explain*", lambda route: route.fulfill(status=409, json=refusal), times=1)
    cards = send(page, scan)
    toggle = cards.get_by_role("button", name="heat map")
    toggle.click()
    page.get_by_text("older than heat maps").and_(page.locator(".map-status")).wait_for()
    assert cards.get_by_role("img").evaluate("image => image.naturalWidth") == 300
    assert cards.locator(".bars").is_visible()
    toggle.click()
    toggle.click()
    page.locator(".heat").wait_for()


@WIDE
def test_dropped_files_and_folders_come_from_the_desktop(page: Page, scan: Path, tmp_path: Path) -> None:
    """A drop of Chromium's own, with a folder in it: every file inside is answered, by name."""
    inner = tmp_path / "study" / "series"
    inner.mkdir(parents=True)
    for name in ("b.png", "a.png"):
        (inner / name).write_bytes(scan.read_bytes())
    (tmp_path / "study" / "c.dcm").write_bytes(dicom_files.encode(np.zeros((64, 80), np.uint16) + 9))
    page.locator("#drop").scroll_into_view_if_needed()
    box = page.locator("#drop").bounding_box()
    assert box is not None
    data = {"items": [], "files": [str(tmp_path / "study"), str(scan)], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"type": kind, "x": box["x"] + 40, "y": box["y"] + 20, "data": data}
        devtools.send("Input.dispatchDragEvent", place)
    page.locator(".card .bars").nth(3).wait_for()
    names = page.locator(".card .name").all_inner_texts()
    assert names == ["c.dcm", "a.png", "b.png", "slice one.png"]


def test_the_visit_is_listed_and_leads_to_each_scan(page: Page, scan: Path, tmp_path: Path) -> None:
    """The newest first with its outcome; an entry brings the focus to its scan; the whole is counted."""
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    send(page, scan)
    send(page, broken)
    page.locator(".card.failed").wait_for()
    entries = page.get_by_role("region", name="This visit").get_by_role("link")
    assert [entry.locator(".entry-name").inner_text() for entry in entries.all()] == [
        "broken.png",
        "slice one.png",
    ]
    verdict = page.locator(".card .verdict").inner_text().split()
    assert entries.nth(1).locator(".entry-outcome").inner_text().split() == verdict
    assert entries.nth(0).locator(".entry-outcome").inner_text() == "Could not be used"
    assert page.locator("#counts").inner_text() == "2 scans · 1 classified · 1 failed"
    entries.nth(1).press("Enter")
    assert page.evaluate("document.activeElement.querySelector('.name').textContent") == "slice one.png"
    assert page.locator(".card:focus").count() == 1


@WIDE
def test_the_visit_is_in_memory_alone(page: Page, scan: Path, url: str) -> None:
    """Nothing is stored in the browser, and opening the page again begins with nothing."""
    send(page, scan)
    stored = page.evaluate(
        """async () => [localStorage.length, sessionStorage.length, document.cookie,
            (await indexedDB.databases()).length, (await caches.keys()).length]"""
    )
    assert stored == [0, 0, "", 0, 0]
    page.goto(url)
    assert page.locator(".card, .entry").count() == 0
    assert not page.get_by_role("region", name="This visit").is_visible()


@WIDE
def test_clearing_forgets_what_is_still_on_its_way(page: Page, scan: Path) -> None:
    """A request under way is dropped with its scan, and says nothing later."""
    held: list[object] = []
    page.route("**/v1/predict", lambda route: held.append(route), times=1)  # noqa: PLW0108 -- Playwright's own
    page.set_input_files("#files", str(scan))
    page.locator(".card.waiting").wait_for()
    with page.expect_event("requestfailed") as dropped:
        page.get_by_role("button", name="Clear all scans of this visit").click()
    assert "ERR_ABORTED" in (dropped.value.failure or "")
    assert page.get_by_role("status").inner_text() == "All scans of this visit are cleared."
    assert page.locator(".card, .entry").count() == 0
    send(page, scan)
    assert page.get_by_role("status").inner_text() == "One scan classified."


def test_everything_can_be_done_with_the_keyboard(page: Page, scan: Path) -> None:
    """From the skip link to a scan, its map, another class, the slider, the list, and clearing it all."""
    walked: list[str] = []
    page.on("filechooser", lambda chooser: chooser.set_files(scan))

    def tab() -> str:
        page.keyboard.press("Tab")
        walked.append(str(page.evaluate(FOCUSED)))
        return walked[-1]

    assert tab() == "skip"
    assert tab() == "files"
    page.keyboard.press("Space")
    page.locator(".bars").wait_for()
    assert page.evaluate(FOCUSED) == "files"
    assert tab() == "clear"
    assert tab() == "entry"
    assert tab() == "summary"
    while "map-toggle" not in tab():
        assert len(walked) < 12, walked
    page.keyboard.press("Space")
    page.locator(".heat").wait_for()
    assert tab().endswith("-class")
    page.keyboard.press("ArrowDown")
    assert tab().endswith("-opacity")
    page.keyboard.press("Home")
    assert page.locator(".heat").evaluate("image => getComputedStyle(image).opacity") == "0"
    for _ in range(3):
        page.keyboard.press("Shift+Tab")
    while page.evaluate(FOCUSED) != "clear":
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert page.locator(".card").count() == 0
    assert page.evaluate(FOCUSED) == "files"


def test_axe_finds_nothing_serious(page: Page, scan: Path, tmp_path: Path) -> None:
    """Before any scan, and with an answer, an open map, a silence (a fake answer), an error and a retry."""
    assert findings(page) == []
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    send(page, scan, broken)
    page.get_by_role("button", name="Show heat map").click()
    page.locator(".heat").wait_for()
    advice = "This image does not look like the scans that the model has learnt from."
    answer = {"index": 0, "class": "glioma", "probabilities": {"glioma": 0.9, "no_tumor": 0.1}, "error": None}
    silent = answer | {"abstained": True, "why": "unlike_training", "advice": advice, "novelty": 9.0}
    said = {"files": [silent], "notice": NOTICE}
    page.route("**/v1/predict", lambda route: route.fulfill(json=said), times=1)
    page.set_input_files("#files", str(scan))
    page.locator(".abstained summary").click()
    page.route("**/v1/predict", lambda route: route.fulfill(status=503, json={"detail": "busy"}), times=1)
    page.set_input_files("#files", str(scan))
    page.get_by_role("button", name="Try again").wait_for()
    page.locator("#model-box summary").click()
    page.wait_for_timeout(400)  # bars that grow have colours of their own meanwhile
    assert findings(page) == []


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("() => document.querySelector('.card img').removeAttribute('alt')", "image-alt"),
        ("() => { document.querySelector('.name').style.color = '#888' }", "color-contrast"),
        ("() => document.querySelector('#files').setAttribute('id', 'unlabelled')", "label"),
    ],
)
@WIDE
def test_axe_would_find_it(page: Page, scan: Path, damage: str, rule: str) -> None:
    """A picture without words, faint ink and a field without a label, each planted, are found."""
    send(page, scan)
    page.evaluate(damage)
    assert rule in [found.partition(":")[0] for found in findings(page)]


@WIDE
def test_a_bundle_without_maps_offers_none(page: Page, scan: Path) -> None:
    """Where the service says that it has no heat maps, there is no button for one (its word is changed)."""

    def older(route: Route) -> None:
        response = route.fetch()
        route.fulfill(json=response.json() | {"heat_maps": False})

    page.route("**/version", older)
    cards = send(page, scan)
    assert cards.locator(".bars").count() == 1
    assert page.get_by_role("button", name="heat map").count() == 0
