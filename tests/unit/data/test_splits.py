"""Content decides the split, and growth moves nothing back from test."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scanops.config import Fractions, Split
from scanops.data import splits
from scanops.errors import VerdictError

FRACTIONS = Fractions(train=0.6, val=0.2, test=0.2)
RULES = Split(fractions=FRACTIONS, key="k", min_groups=1)
ORDER = {part: rank for rank, part in enumerate(splits.PARTS)}  # growth may only raise the rank
ASIDE = 1000  # pictures from here on are never joined: they fill every part of every class


@dataclass(frozen=True)
class Image:
    """One image of a growing set: its pixels, the picture that it nearly copies, its patient, its label."""

    pixels: int
    near: int | None = None
    patient: int | None = None
    label: str = "a"


BASE = [Image(ASIDE + i, label="ab"[i % 2]) for i in range(60)]
IMAGES = st.lists(
    st.builds(
        Image,
        st.integers(0, 30),
        st.none() | st.integers(0, 30),
        st.none() | st.integers(0, 8),
        st.sampled_from("ab"),
    ),
    max_size=20,
)


def _components(images: Sequence[Image], *, with_patients: bool) -> list[int]:
    """Number the groups (or, without patients, the pictures) of images."""
    nodes: dict[tuple[str, int], int] = {}
    edges = []
    present = {image.pixels for image in images}
    for image in images:
        here = nodes.setdefault(("pixels", image.pixels), len(nodes))
        if image.near in present:
            edges.append((here, nodes.setdefault(("pixels", image.near), len(nodes))))
        if with_patients and image.patient is not None:
            edges.append((here, nodes.setdefault(("patient", image.patient), len(nodes))))
    ends = np.asarray(edges, int).reshape(-1, 2).T
    graph = coo_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(len(nodes), len(nodes)))
    component = connected_components(graph, directed=False)[1]
    return [int(component[nodes["pixels", image.pixels]]) for image in images]


def _path(number: int) -> str:
    """Name file after file so that a new one's name may sort before an old one's."""
    return f"{number * 7919 % 10007:05}.png"


def _manifest(images: Sequence[Image]) -> pd.DataFrame:
    """Give the columns that splitting reads; a group's name changes with every image that is added."""
    groups, pictures = _components(images, with_patients=True), _components(images, with_patients=False)
    frame = pd.DataFrame(
        {
            "image_id": [f"i{i}" for i in range(len(images))],
            "path": [_path(i) for i in range(len(images))],
            "label": [image.label for image in images],
            "group": [f"{len(images)}-{g}" for g in groups],
            "picture": [f"{len(images)}-{p}" for p in pictures],
            "pixel_sha256": [f"p{image.pixels}" for image in images],
            "patient": [None if image.patient is None else f"{image.patient}" for image in images],
        }
    )
    # A picture with two labels is quarantined: an addition takes images out of their groups.
    frame["quarantined"] = frame.groupby("picture")["label"].transform("nunique") > 1
    return frame


def _divide(images: Sequence[Image], rules: Split = RULES) -> pd.DataFrame:
    return splits.divide(_manifest(images), rules)


def _numbered(count: int, label: str = "a") -> list[Image]:
    return [Image(i, label=label) for i in range(count)]


@settings(deadline=None, max_examples=40)
@given(IMAGES)
def test_no_group_crosses(images: list[Image]) -> None:
    """All files of a group are in one part, each picture has one representative, and none is lost."""
    frame = _manifest([*BASE, *images])
    divided = splits.divide(frame, RULES)
    assert not divided.drop_duplicates(["group", "split"])["group"].duplicated().any()
    pictures = divided.merge(frame[["image_id", "picture"]]).groupby("picture")["representative"]
    assert (pictures.sum() == 1).all()
    assert pictures.first().all()
    assert list(divided["path"]) == sorted(frame.loc[~frame["quarantined"], "path"])
    assert splits.summarise(divided)["cross_split_groups"] == 0


@settings(deadline=None, max_examples=80)
@given(st.lists(IMAGES, min_size=2, max_size=4))
def test_growth_moves_nothing_back(batches: list[list[Image]]) -> None:
    """New images, joins, new patients and new conflicts move no image from test, nor from val to train."""
    images = list(BASE)
    before = _divide(images).set_index("path")["split"].map(ORDER)
    for batch in batches:
        images += batch
        after = _divide(images).set_index("path")["split"].map(ORDER)
        still = before.index.intersection(after.index)
        assert (after[still] >= before[still]).all()
        before = after


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 300), max_size=40))
def test_growth_without_joins_moves_nothing(added: list[int]) -> None:
    """Copies and pictures unlike any other move no group at all."""
    images = [*_numbered(100), *_numbered(30)]
    before = _divide(images).set_index("path")["split"]
    after = _divide([*images, *(Image(i) for i in added)]).set_index("path")["split"]
    assert (after[before.index] == before).all()


@pytest.mark.parametrize("parts", [("train", "val"), ("train", "test"), ("val", "test"), ("test", "test")])
@pytest.mark.parametrize("bridge", ["near", "patient"])
def test_a_joint_group_goes_where_the_lower_was(parts: tuple[str, str], bridge: str) -> None:
    """When a new image joins two groups, test wins over val and val over train; nothing else moves."""
    images = [Image(i, patient=i) if i % 2 else Image(i) for i in range(200)]
    before = _divide(images).set_index("path")["split"]
    one = next(i for i in range(0, 200, 2) if before[_path(i)] == parts[0])
    other = next(i for i in range(199, 0, -2) if before[_path(i)] == parts[1])
    lowest = max(parts, key=ORDER.__getitem__)
    # Drawn alone, the new image is in train: it pulls neither group down by itself.
    new = next(
        i for i in range(500, 600) if splits.place(splits.position(f"p{i}", "k"), FRACTIONS) == "train"
    )
    joins = [Image(new, near=one, patient=other)]
    if bridge == "near":
        joins = [Image(new, near=one), Image(new, near=other)]
    after = _divide([*images, *joins]).set_index("path")["split"]
    moved = after.drop(before.index).index.union([_path(one), _path(other)])
    assert set(after[moved]) == {lowest}
    rest = before.index.difference(moved)
    assert (after[rest] == before[rest]).all()


def test_groups_of_one_key_lie_where_their_name_says() -> None:
    """A picture, and a patient, are drawn by HMAC-SHA256 of pixel hash or `patient:<id>` and nothing else."""
    images = [Image(i, patient=i // 3) if i < 150 else Image(i) for i in range(300)]
    divided = _divide(images).merge(_manifest(images)[["image_id", "patient", "pixel_sha256"]])
    assert (divided["group_keys"] == 1).all()
    for row in divided.itertuples():
        name = str(row.pixel_sha256) if pd.isna(row.patient) else "patient:" + str(row.patient)
        drawn = int.from_bytes(hmac.digest(b"k", name.encode(), hashlib.sha256)[:8], "big") / 2**64
        assert row.split == ("test" if drawn < 0.2 else "val" if drawn < 0.4 else "train")


def test_a_quarantined_image_still_places_its_group() -> None:
    """A near copy keeps its part when the image that placed their group goes into quarantine."""
    frame = _manifest([*BASE, *(Image(i, near=i - 1 if i % 2 else None) for i in range(200))])
    whole = splits.divide(frame, RULES).set_index("path")["split"]
    frame["quarantined"] = frame["pixel_sha256"].isin([f"p{i}" for i in range(0, 200, 2)])
    rest = splits.divide(frame, RULES).set_index("path")["split"]
    assert len(rest) == len(whole) - 100
    assert (whole[rest.index] == rest).all()


def test_unreadable_files_get_no_part() -> None:
    """A file without pixels is in no part, even where its defect is tolerated."""
    frame = _manifest(BASE)
    frame.loc[3, ["group", "picture", "pixel_sha256"]] = None
    divided = splits.divide(frame, RULES)
    assert len(divided) == len(BASE) - 1
    assert "i3" not in set(divided["image_id"])


@pytest.mark.parametrize("parts", [(0.6, 0.2, 0.2), (0.7, 0.15, 0.15), (0.8, 0.1, 0.1)])
def test_every_class_is_divided_in_the_asked_proportions(parts: tuple[float, float, float]) -> None:
    """Each class gets the fractions within four standard deviations of drawing whole groups."""
    rules = Split(fractions=Fractions(train=parts[0], val=parts[1], test=parts[2]), key="k")
    divided = _divide([Image(i, label="aaab"[i % 4]) for i in range(4000)], rules)
    for _, rows in divided.groupby("label"):
        for part, asked in zip(splits.PARTS, parts, strict=True):
            tolerance = 4 * (asked * (1 - asked) / len(rows)) ** 0.5
            assert (rows["split"] == part).mean() == pytest.approx(asked, abs=tolerance)


@pytest.mark.parametrize("keys", [2, 3])
def test_the_price_of_joins_is_the_stated_one(keys: int) -> None:
    """A group of k keys is in test with probability 1 - (1 - f)^k, and in train with (1 - val - f)^k."""
    count = 2000
    chains = [Image(i, near=i - 1 if i % keys else None) for i in range(count * keys)]
    divided = _divide(chains).drop_duplicates("group")
    assert (divided["group_keys"] == keys).all()
    for part, chance in (("test", 1 - 0.8**keys), ("train", 0.6**keys)):
        tolerance = 4 * (chance * (1 - chance) / count) ** 0.5
        assert (divided["split"] == part).mean() == pytest.approx(chance, abs=tolerance)


def test_another_key_draws_another_split() -> None:
    """Two keys agree on as many groups as chance has them agree."""
    one, other = (
        _divide(_numbered(2000), RULES.model_copy(update={"key": key}))["split"] for key in ("k", "other")
    )
    assert (one == other).mean() == pytest.approx(0.6**2 + 0.2**2 + 0.2**2, abs=0.05)


def test_a_larger_test_fraction_keeps_the_old_test_set() -> None:
    """Raising the share of the test split adds to it and takes nothing away."""
    larger = RULES.model_copy(update={"fractions": Fractions(train=0.5, val=0.2, test=0.3)})
    tested, more = (
        set(divided.loc[divided["split"] == "test", "path"])
        for divided in (_divide(_numbered(1000)), _divide(_numbered(1000), larger))
    )
    assert tested < more


def test_class_with_too_few_groups_is_refused() -> None:
    """A class that cannot fill every part ends the run with its name and the remedy."""
    rare = [Image(500, label="rare"), Image(500, label="rare"), Image(501, label="rare")]
    with pytest.raises(VerdictError, match=r"class `rare`.*min_groups") as caught:
        _divide([*_numbered(100), *rare])
    assert caught.value.exit_code == 3


def test_the_report_counts_pictures_once_and_passes_warnings_on() -> None:
    """Near copies count once among the pictures; groups of many keys and the warnings are told."""
    near = [Image(2000 + i, near=2000 + i - 1 if i % 2 else None) for i in range(40)]
    report = splits.summarise(_divide([*BASE, *near, Image(ASIDE)]), ["Size tells the class."])
    assert (report["images"], report["pictures"], report["groups"]) == (101, 80, 80)
    assert report["groups_of_many_keys"] == 20
    assert report["warnings"] == ["Size tells the class."]
    for share, count in (("fraction_of_pictures", "pictures"), ("fraction_of_groups", "groups")):
        assert sum(report["splits"][part][share] for part in splits.PARTS) == pytest.approx(1, abs=1e-3)
        assert sum(report["splits"][part][count] for part in splits.PARTS) == 80


def test_written_parts_are_read_back(tmp_path: Path) -> None:
    """Equal splits give equal bytes, and reading a part gives each picture once."""
    divided = _divide([*_numbered(100), *_numbered(50)])
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    splits.write(divided, first)
    splits.write(divided.copy(), second)
    assert first.read_bytes() == second.read_bytes()
    read = pd.concat(splits.read(first, part) for part in splits.PARTS)
    assert sorted(read["group"]) == sorted(set(divided["group"]))
