"""The page in a real browser: scans come in, and each gets its answer, its error or its silence."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests import dicom_files

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOTICE = "not for diagnosis"
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def drop(page: Page, *files: tuple[str, bytes]) -> None:
    """Drop files on the window, as a person's mouse does."""
    page.evaluate(
        """files => {
            const transfer = new DataTransfer();
            for (const [name, data] of files) {
                const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type: "image/png" }));
            }
            document.getElementById("drop").dispatchEvent(
                new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        [[name, base64.b64encode(data).decode()] for name, data in files],
    )


def test_a_chosen_scan_gets_its_classes(page: Page, scan: Path) -> None:
    """The preview, every class with its probability, and the notice appear; it is announced."""
    page.get_by_label("Choose files").set_input_files(scan)
    card = page.locator(".card")
    card.locator(".bars").wait_for()
    assert card.locator(".name").inner_text() == "slice one.png"
    assert sorted(card.locator(".bars th").all_inner_texts()) == ["Glioma", "Meningioma", "No tumor"]
    shares = [float(text.split()[0]) for text in card.locator(".bars .value").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=0.3)
    assert shares == sorted(shares, reverse=True)
    assert card.get_by_role("img").evaluate("image => image.naturalWidth") == 300
    assert NOTICE in card.inner_text()
    assert page.get_by_role("status").inner_text() == "One scan classified."


def test_a_stranger_gets_its_reason_and_no_class_at_a_glance(page: Page, scan: Path) -> None:
    """Where the model abstains the card says so and why; the classes are there for whoever opens them."""
    advice = "This image does not look like the scans that the model has learnt from."
    answer = {"index": 0, "class": "glioma", "probabilities": {"glioma": 0.9, "no_tumor": 0.1}, "error": None}
    silent = answer | {"abstained": True, "why": "unlike_training", "advice": advice, "novelty": 9.0}
    page.route("**/v1/predict", lambda route: route.fulfill(json={"files": [silent], "notice": NOTICE}))
    page.set_input_files("#files", str(scan))
    card = page.locator(".card.abstained")
    card.wait_for()
    assert [part in card.inner_text() for part in ("No answer", advice, NOTICE, "90")] == [True] * 3 + [False]
    card.locator("summary").click()
    assert "90.0 %" in card.inner_text()


def test_dropped_files_are_answered_each(page: Page, scan: Path) -> None:
    """A file that is no image says so in its own place; the scan beside it is answered."""
    drop(page, ("good.png", scan.read_bytes()), ("bad.png", b"no image"))
    page.locator(".card.failed").wait_for()
    assert page.locator(".card .name").all_inner_texts() == ["good.png", "bad.png"]
    assert "not an image" in page.locator(".card.failed").inner_text()
    assert page.locator(".card .bars").count() == 1
    assert page.get_by_role("status").inner_text() == "One scan classified, 1 could not be used."


def test_what_the_browser_cannot_read_says_so(page: Page, scan: Path) -> None:
    """A file that is gone, and a folder that may not be opened, have their cards; the rest is answered.

    Both entries are fakes: a script cannot drop a path of the disk.
    """
    page.evaluate(
        """() => {
            const real = DataTransferItem.prototype.webkitGetAsEntry;
            const refuse = (_, reject) => reject(new DOMException("not to be read", "NotReadableError"));
            DataTransferItem.prototype.webkitGetAsEntry = function () {
                const { name } = this.getAsFile();
                if (name === "gone.png") return { name, isFile: true, file: refuse };
                if (name === "closed") return { name, createReader: () => ({ readEntries: refuse }) };
                return real.call(this) ?? this.getAsFile();
            };
        }"""
    )
    drop(page, ("gone.png", b"x"), ("good.png", scan.read_bytes()), ("closed", b"x"))
    page.locator(".card .bars").wait_for()
    cards = page.locator(".card.failed")
    assert cards.locator(".name").all_inner_texts() == ["gone.png", "closed"]
    assert all("could not read it" in text for text in cards.all_inner_texts())
    assert page.locator("#counts").inner_text() == "3 scans · 1 classified · 2 failed"


def test_a_file_that_is_refused_alone_says_why(page: Page) -> None:
    """Where no file of a request can be used, the reason still reaches its card."""
    drop(page, ("bad.png", b"no image"))
    page.locator(".card.failed").wait_for()
    assert "not an image" in page.locator(".card.failed").inner_text()


def test_a_pasted_picture_is_answered(page: Page) -> None:
    """A screenshot from the clipboard needs no file."""
    file = io.BytesIO()
    Image.new("L", (90, 90), 100).save(file, "PNG")
    page.evaluate(
        """data => {
            const transfer = new DataTransfer();
            const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
            transfer.items.add(new File([bytes], "image.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
        }""",
        base64.b64encode(file.getvalue()).decode(),
    )
    page.locator(".card .bars").wait_for()


@pytest.mark.parametrize("kind", ["dcm", "tiff"])
def test_a_format_that_the_browser_cannot_show_is_shown_by_the_service(
    page: Page, tmp_path: Path, kind: str
) -> None:
    """DICOM and TIFF can be chosen, have the service's picture for a preview, and classes as any other."""
    levels = np.arange(64 * 80, dtype=np.uint16).reshape(64, 80)
    file = tmp_path / f"study.{kind}"
    if kind == "dcm":
        file.write_bytes(dicom_files.encode(levels))
    else:
        Image.fromarray((levels // 20).astype(np.uint8)).save(file)
    assert {".dcm", ".dicom", "application/dicom"} <= set(
        (page.locator("#files").get_attribute("accept") or "").split(",")
    )
    page.get_by_label("Choose files").set_input_files(file)
    card = page.locator(".card")
    card.locator(".bars").wait_for()
    image = card.get_by_alt_text(f"Preview of study.{kind}")
    image.wait_for()
    assert image.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [80, 64]
    assert has_thumbnail(page)
    assert "DICOM" in (page.locator("#formats").text_content() or "")


def has_thumbnail(page: Page) -> bool:
    """Tell whether the newest entry of the visit's list has something drawn beside it."""
    return page.locator(".thumb").first.evaluate(
        """thumb => thumb.getContext("2d").getImageData(0, 0, thumb.width, thumb.height).data
            .some(value => value > 0)"""
    )


def test_a_file_of_several_frames_says_how_many(page: Page) -> None:
    """The reason, and what to do, reach its card."""
    drop(page, ("study.dcm", dicom_files.encode(np.zeros((5, 64, 80), np.uint8))))
    page.locator(".card.failed").wait_for()
    assert "holds 5 frames. Send one frame a file" in page.locator(".card.failed").inner_text()


def test_no_address_of_a_file_is_kept(page: Page, scan: Path) -> None:
    """Each preview's memory is given back once it is shown, or cannot be."""
    page.evaluate(
        """() => {
            window.open_addresses = new Set();
            const [make, drop] = [URL.createObjectURL, URL.revokeObjectURL];
            URL.createObjectURL = (file) => {
                const address = make.call(URL, file);
                window.open_addresses.add(address);
                return address;
            };
            URL.revokeObjectURL = (address) => {
                window.open_addresses.delete(address);
                drop.call(URL, address);
            };
        }"""
    )
    drop(page, ("good.png", scan.read_bytes()), ("bad.png", b"no image"))
    page.locator(".card.failed").wait_for()
    page.locator(".no-preview").wait_for()
    page.locator(".map-toggle").click()
    page.locator(".heat").wait_for()
    page.locator(".map-toggle").click()
    page.wait_for_function("() => window.open_addresses.size === 0")
    assert page.locator(".card img").evaluate("image => image.naturalWidth") == 300


def test_many_files_go_as_several_requests(page: Page, scan: Path) -> None:
    """A folder of scans is answered in full, in the order chosen."""
    drop(page, *[(f"{index:02}.png", scan.read_bytes()) for index in range(19)])
    page.locator(".card:not(.waiting)").nth(18).wait_for()
    assert page.locator(".card .name").all_inner_texts() == [f"{index:02}.png" for index in range(19)]
    assert page.locator(".card .bars").count() == 19


def test_the_notice_is_there_before_any_result(page: Page) -> None:
    """Nobody has to send a scan to learn what this is not."""
    assert NOTICE in page.get_by_role("note").inner_text()
    assert page.get_by_role("note").is_visible()


def test_nothing_is_cut_off_at_any_width(page: Page, scan: Path) -> None:
    """The page never scrolls sideways, even with a long name and an open map; a class takes a line or two."""
    drop(page, (f"{'long ' * 40}.png", scan.read_bytes()), ("bad.png", b"no image"))
    page.locator(".card.failed").wait_for()
    page.get_by_role("button", name="Show heat map").click()
    page.locator(".heat").wait_for()
    heights = [row.bounding_box()["height"] for row in page.locator(".bars tr").all()]
    assert max(heights) < 50
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_server_that_is_busy_is_told_and_asked_again(page: Page) -> None:
    """What the service says is in the scan's place, beside a way to ask again; the refusal is a fake one."""
    refusal = {"status": 503, "detail": "The model is still loading; try again in a second."}
    page.route("**/v1/predict", lambda route: route.fulfill(status=503, json=refusal), times=1)
    drop(page, ("study.dcm", dicom_files.encode(np.zeros((64, 80), np.uint16) + 9)))
    card = page.locator(".card.failed")
    card.locator(".no-preview").wait_for()
    assert "still loading" in card.inner_text()
    assert "Not answered" in page.locator(".entry").inner_text()
    card.get_by_role("button", name="Try again").press("Enter")
    page.locator(".card:not(.failed) .bars").wait_for()
    page.get_by_alt_text("Preview of study.dcm").wait_for()
    assert page.get_by_role("status").inner_text() == "One scan classified."
    assert page.locator(".card").count() == 1


def test_a_server_that_is_gone_is_told(page: Page, scan: Path) -> None:
    """A lost connection is said in words (the network is cut in the browser)."""
    page.context.set_offline(True)
    page.get_by_label("Choose files").set_input_files(scan)
    page.locator(".card.failed").wait_for()
    assert "could not be reached" in page.locator(".card.failed").inner_text()
    page.context.set_offline(False)
