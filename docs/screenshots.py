"""Draw the pictures of the documentation anew: both pages, and a grid of the phantom.

Needs a finished `make repro` (data/bundle, data/raw, reports/validation.html) and Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, sync_playwright

from pipelines import entry_point
from scanops.data import phantom, splits, strangers
from scanops.data.phantom_anatomy import PLANES
from scanops.errors import OutsideError
from scanops.evaluation import plots
from tests import dicom_files

IMAGES = Path(__file__).parent / "images"
REPORT = Path("reports/validation.html")
REPORT_VIEWS = (("report.png", 1100, 2835), ("report-phone.png", 390, 1700))
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WAIT_S = 60


def main() -> None:
    """Write docs/images: the phantom, the report and the page, these two also as a phone shows them."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    IMAGES.mkdir(exist_ok=True)
    _draw_phantom(IMAGES / "phantom.png")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise OutsideError("Chromium", "is not on the PATH", "Install the package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        draw_report(browser, REPORT, IMAGES)
        _draw_answers(browser)
        browser.close()


def draw_report(browser: Browser, report: Path, folder: Path) -> None:
    """Draw the head of the validation report, down to the first contact sheet.

    Args:
        browser: Chromium.
        report: The page that `validate` wrote.
        folder: Where report.png and report-phone.png go.

    Raises:
        OutsideError: There is no report.
    """
    if not report.is_file():
        raise OutsideError(str(report), "is not there", "Run make repro first")
    for name, width, height in REPORT_VIEWS:
        page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=1.25)
        page.goto(report.absolute().as_uri())
        page.screenshot(path=folder / name)


def _draw_answers(browser: Browser) -> None:
    tested = splits.read(Path("data/splits.parquet"), "test").groupby("label").head(1)
    scans = [_file(path, (Path("data/raw") / path).read_bytes()) for path in tested["path"]]
    glioma, meningioma = scans[:2]
    port = _free_port()
    command = [sys.executable, "-m", "scanops.serving", "--bundle", "data/bundle", "--port", str(port)]
    with subprocess.Popen(command) as service:
        try:
            address = f"http://127.0.0.1:{port}/"
            _wait_until_ready(address + "readyz")
            for name, width, scheme, files in (
                ("page.png", 1100, "light", [meningioma, glioma]),
                ("page-dark.png", 1100, "dark", [_as_dicom(glioma), _stranger(), _file("notes.txt", b"-")]),
                ("page-phone.png", 390, "light", [meningioma]),
            ):
                viewport = {"width": width, "height": 800}
                page = browser.new_page(viewport=viewport, device_scale_factor=1.25, color_scheme=scheme)
                _classify(page, address, files, IMAGES / name)
        finally:
            service.terminate()


def _file(path: str, data: bytes) -> FilePayload:
    return {"name": Path(path).name, "mimeType": "application/octet-stream", "buffer": data}


def _as_dicom(scan: FilePayload) -> FilePayload:
    """Bring a picture into a format that no browser shows."""
    levels = np.asarray(Image.open(io.BytesIO(scan["buffer"])).convert("L")).astype(np.uint16) * 16
    return _file(Path(scan["name"]).with_suffix(".dcm").name, dicom_files.encode(levels))


def _stranger() -> FilePayload:
    """Draw what is no head."""
    file = io.BytesIO()
    next(strangers.draw("knee", 1, seed=7)).save(file, "PNG")
    return _file("knee.png", file.getvalue())


def _draw_phantom(target: Path) -> None:
    """One row a class, one column a plane, and one more axial slice."""
    rng = np.random.default_rng(7)
    wanted = [(kind, plane) for kind in phantom.CLASSES for plane in (*PLANES, PLANES[0])]
    slices = [np.repeat(phantom.draw(kind, plane, rng)[..., None], 3, axis=2) for kind, plane in wanted]
    titles = [f"{kind}, {plane}" for kind, plane in wanted]
    target.write_bytes(plots.sample_grid(slices, titles, heading="Phantom: drawn, not scanned"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(address: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310  (an address of our own)
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise OutsideError(address, f"was not ready within {WAIT_S} s", "See the service's messages above")


def _classify(page: Page, address: str, files: list[FilePayload], target: Path) -> None:
    page.goto(address)
    page.set_input_files("#files", files)
    page.locator(".card:not(.waiting)").nth(len(files) - 1).wait_for()
    page.locator(".map-toggle").first.click()
    page.locator(".heat").wait_for()
    page.wait_for_timeout(500)  # the bars grow
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(500)  # a phone scrolls gently
    page.screenshot(path=target, full_page=True)


if __name__ == "__main__":
    entry_point.run(main)
