"""The report is one whole page: well formed, self-contained, the same each time, and it shows each defect."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pandas as pd
import pytest
from PIL import Image

from scanops.quality import page
from scanops.validation_rules import Severities, Validation
from tests import validated

VOID = {"meta", "link", "img", "br", "wbr"}
LOADING = {"src", "href", "srcset", "data", "poster", "action", "background", "xlink:href"}


class Outline(HTMLParser):
    """Notes what is on a page, and whether each element is closed where it should be."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Hold the end to the last start."""
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        """Note text, but not the style sheet."""
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        """Give the attributes of each element of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]


def _render(
    frame: pd.DataFrame | None = None,
    report: dict[str, object] | None = None,
    pictures: Callable[[str], Image.Image | None] = validated.picture,
) -> str:
    frame = validated.manifest() if frame is None else frame
    return page.render(
        frame, validated.report(frame) if report is None else report, pictures, "A <set>", Validation()
    )


@pytest.fixture(scope="module")
def html() -> str:
    """Render the data set with every kind of defect."""
    return _render()


@pytest.fixture(scope="module")
def outline(html: str) -> Outline:
    """Parse it."""
    return Outline(html)


def test_page_is_well_formed(outline: Outline) -> None:
    """Each element is closed in its turn, ids are unique, and each link within the page has its end."""
    assert outline.faults == []
    assert outline.open == []
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"].removeprefix("#") for link in outline.all("a")} <= set(ids)


def test_page_needs_nothing_beside_it(html: str, outline: Outline) -> None:
    """No address leads out, no script runs, and the page itself forbids both."""
    addresses = [value for _, found in outline.tags for key, value in found.items() if key in LOADING]
    assert [address for address in addresses if not address.startswith(("data:", "#"))] == []
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html
    assert "@import" not in html
    assert outline.all("script") == []
    policies = [meta["content"] for meta in outline.all("meta") if "http-equiv" in meta]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def test_same_data_give_the_same_bytes(html: str) -> None:
    """Nothing but the data is on the page; equal arguments give equal UTF-8."""
    assert _render().encode() == html.encode()


def test_hostile_names_stay_text(html: str, outline: Outline) -> None:
    """Tags, quotes, newlines, bidirectional controls and bytes that are no UTF-8 are shown, never obeyed."""
    assert "<script" not in html
    assert "<b>.png" not in html
    assert not [tag for tag, found in outline.tags if any(key.startswith("on") for key in found)]
    text = "".join(outline.text)
    for shown in ('"><script>alert(1)</script>.png', 'it\'s & "quoted" <b>.png'):
        assert shown in text
    for shown in (r"new\nline\ttab.png", r"not-utf8-\xff.png", r"\u202egnp.exe"):
        assert shown in text
    assert "\u202e" not in html


@pytest.mark.parametrize("kind", list(Severities.model_fields))
def test_each_kind_has_its_sheet(outline: Outline, kind: str) -> None:
    """A kind of defect that occurs has a contact sheet and a line in the glossary."""
    assert f"sheet-{kind}" in {found.get("id") for found in outline.all("section")}
    assert kind in outline.text


@pytest.mark.parametrize("kind", list(Severities.model_fields))
def test_kind_that_does_not_occur_has_none(kind: str) -> None:
    """Without the defect there is no sheet, and the glossary still explains it."""
    frame = validated.manifest()
    frame["defects"] = [[one for one in kinds if one != kind] for kinds in frame["defects"]]
    outline = Outline(_render(frame))
    assert f"sheet-{kind}" not in {found.get("id") for found in outline.all("section")}
    assert kind in outline.text


def test_pairs_stand_side_by_side(html: str) -> None:
    """A copy is shown beside what it copies, with how alike they are; a conflict names both classes."""
    near = _sheet(html, "near_duplicate")
    assert near.count("<img") == 6
    assert re.findall(r"similarity [\d.]+", near) == [
        "similarity 0.960",
        "similarity 0.987",
        "similarity 0.990",
    ]
    assert near.count("<strong>mirrored</strong>") == 1
    assert "same bytes" in _sheet(html, "exact_duplicate")
    assert "same pixels" in _sheet(html, "pixel_duplicate")
    conflict = _sheet(html, "label_conflict")
    assert conflict.count("<img") == 2
    assert "1 of 1 pair shown" in conflict
    assert "different classes" in conflict


def test_leaks_stand_beside_their_twins(html: str) -> None:
    """A test image that is in training is shown with its training twin: by its pixels, and nearly."""
    leakage = html[html.index('id="leakage"') : html.index('id="shortcuts"')]
    pairs = [re.findall(r"/<wbr>(\d+)\.png</p>", pair) for pair in leakage.split("<li>")[1:]]
    assert sorted(pairs) == [["000020", "000021"], ["000025", "000026"], ["000045", "000031"]]
    assert leakage.count("<img") == 6
    assert "same pixels" in leakage
    assert "similarity 0.960" in leakage


def test_unreadable_images_say_so() -> None:
    """Where there is no picture its place says so, and the page still holds every other."""
    html = _render(pictures=lambda path: None if "000012" in path else validated.picture(path))
    exact = _sheet(html, "exact_duplicate")
    assert exact.count("<img") == 1
    assert exact.count("cannot be read") == 1


def test_sheets_are_capped() -> None:
    """Twelve of many are shown, and the page says of how many; 200 of the quarantined are listed."""
    frame = validated.manifest()
    frame = pd.concat([frame] * 4, ignore_index=True)
    frame["path"] = [f"glioma/{row}.png" for row in range(len(frame))]
    frame["defects"] = [["blank"]] * len(frame)
    frame["quarantined"] = True
    html = _render(frame)
    assert "12 of 320 images shown" in html
    assert _sheet(html, "blank").count("<img") == 12
    assert "200 of 320 listed" in html


def test_every_picture_is_described(outline: Outline) -> None:
    """Each image has an alternative text and a size; each chart a description."""
    images = outline.all("img")
    assert images
    assert all(image["alt"] and image["width"] and image["height"] for image in images)
    charts = outline.all("svg")
    assert charts
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in charts)


def test_page_tells_what_the_report_tells(outline: Outline) -> None:
    """Verdict, what is not met, warnings, shortcut, drift and rules are there in words."""
    text = " ".join(" ".join(outline.text).split())
    assert "Warn usable, with warnings to read first" in text
    assert "Not met: few <lost>." in text
    assert "& others are suspect" in text
    assert "80 images in 2 classes" in text
    assert "the class can partly be told from size alone" in text
    assert "68.0 % 66.0 – 70.0" in text
    assert "size_psi 0.31 0.25 ▲ drifted" in text
    assert "0.1235" in text
    assert f"near_duplicate_similarity = {Validation().near_duplicate_similarity:g}" in text
    assert "not a medical device: not for diagnosis" in text


def test_report_without_the_newer_keys_still_renders() -> None:
    """An empty report leaves parts out, and nothing breaks."""
    outline = Outline(page.render(validated.manifest(), {}, validated.picture, "bare"))
    assert outline.faults == []
    assert {"shortcuts", "drift", "expectations"}.isdisjoint(
        found.get("id", "") for found in outline.all("section")
    )
    assert "Not judged" in outline.text


def test_data_without_rows_or_labels_still_render() -> None:
    """No image at all, and images in no class folder, give a page that says so."""
    frame = validated.manifest()
    assert Outline(_render(frame.iloc[:0], {})).faults == []
    frame["label"] = None
    outline = Outline(_render(frame, {}))
    assert outline.faults == []
    assert "(no class)" in outline.text


def _sheet(html: str, kind: str) -> str:
    start = html.index(f'id="sheet-{kind}"')
    return html[start : html.index("</section>", start)]
