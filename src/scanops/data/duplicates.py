"""Which images are the same picture, and which must stay together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scanops.data import near_duplicates, thumbnails
from scanops.data.defects import Defect
from scanops.data.scan import Facts

# Below these a picture holds too little to be told from another.
COMPARED_FROM_PX = 16
COMPARED_FROM_STD = 2.0
PATIENT = "patient:"


@dataclass(frozen=True)
class Alike:
    """Two pictures that are alike, named by their pixels' hashes, so that it holds wherever the files are.

    Attributes:
        one: Hash of the pixels of one.
        other: Hash of the pixels of the other.
        similarity: Correlation in (0, 1].
        mirrored: Alike only after a flip from left to right.
    """

    one: str
    other: str
    similarity: float
    mirrored: bool


@dataclass
class Link:
    """How an image hangs together with others.

    Attributes:
        defects: Kinds of copy or conflict that it is.
        twin: Path of the image that it copies, else of one that it conflicts with.
        similarity: 1 for the same pixels, else the correlation; None for an image that copies none.
        mirrored: The copy is flipped.
        picture: Name of the picture: its copies share it. None for a file that cannot be read.
    """

    defects: list[Defect]
    twin: str | None = None
    similarity: float | None = None
    mirrored: bool = False
    picture: str | None = None


def compare(
    facts: Sequence[Facts],
    least: float,
    *,
    known: Sequence[Alike] = (),
    compared: frozenset[str] = frozenset(),
    threads: int = 1,
    progress: Callable[[int], object] | None = None,
) -> list[Alike]:
    """Find the pictures that are near duplicates of each other.

    Args:
        facts: Scanned images, in the order of the manifest.
        least: Correlation from which two pictures are alike.
        known: What an earlier comparison with the same `least` found.
        compared: Hashes of the pixels that it compared.
        threads: How many to compare with; the pairs are the same.
        progress: Called with the number of pictures compared since the last call.

    Returns:
        Each pair once: the known ones that are still there, and those of new pictures.
    """
    first = _first_of_each(facts)
    hashes = list(first)
    kept = [pair for pair in known if pair.one in first and pair.other in first]
    fresh = np.asarray([name not in compared for name in hashes], bool)
    if not fresh.any():
        return kept
    chosen = [facts[index] for index in first.values()]
    views = thumbnails.unpack(b"".join(one.views for one in chosen))
    sizes = np.asarray([(one.width, one.height) for one in chosen], np.int64)
    found = near_duplicates.find(views, sizes, least, fresh=fresh, threads=threads, progress=progress)
    rows = zip(found.first, found.second, found.similarity, found.mirrored, strict=True)
    return kept + [Alike(hashes[i], hashes[j], float(s), bool(m)) for i, j, s, m in rows]


def link(facts: Sequence[Facts], labels: Sequence[str | None], alike: Sequence[Alike]) -> list[Link]:
    """Say of each image what it is a copy of, and whether a copy has another label.

    Args:
        facts: Scanned images, in the order of the manifest. Of several with one picture the first is the
            original, and each later one a duplicate.
        labels: Label of each image.
        alike: What `compare` found.

    Returns:
        One link an image.
    """
    links = [Link([]) for _ in facts]
    members: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(facts):
        if one.pixel_sha256:
            members[one.pixel_sha256].append(index)
    for indices in members.values():
        _mark_copies(facts, indices, links)
    _mark_near_copies(facts, members, alike, links)
    pictures = _components(list(members), [(pair.one, pair.other) for pair in alike])
    together: dict[str, list[int]] = defaultdict(list)
    for name, indices in members.items():
        for index in indices:
            links[index].picture = pictures[name]
            together[pictures[name]].append(index)
    for indices in together.values():
        _mark_conflicts(facts, labels, sorted(indices), links)
    return links


def group(links: Sequence[Link], patients: Sequence[str | None]) -> list[str | None]:
    """Join what must not be separated: copies of a picture, and images of a patient.

    Args:
        links: What `link` returned.
        patients: Patient of each image, or None where it is not known.

    Returns:
        A name for each image's group, the smallest of its members' (a patient's before a picture's);
        None for unreadable files.
    """
    edges = [
        (one.picture, f"{PATIENT}{patient}")
        for one, patient in zip(links, patients, strict=True)
        if one.picture and patient is not None
    ]
    names = dict.fromkeys([one.picture for one in links if one.picture] + [name for _, name in edges])
    groups = _components(list(names), edges)
    return [groups[one.picture] if one.picture else None for one in links]


def _first_of_each(facts: Sequence[Facts]) -> dict[str, int]:
    """Return, for each picture that can be compared, the index of its first image."""
    first: dict[str, int] = {}
    for index, one in enumerate(facts):
        large = min(one.width or 0, one.height or 0) >= COMPARED_FROM_PX
        if one.pixel_sha256 and large and (one.std or 0.0) >= COMPARED_FROM_STD:
            first.setdefault(one.pixel_sha256, index)
    return first


def _mark_copies(facts: Sequence[Facts], indices: list[int], links: list[Link]) -> None:
    original = facts[indices[0]]
    seen = {original.sha256}
    for index in indices[1:]:
        exact = facts[index].sha256 in seen
        seen.add(facts[index].sha256)
        note = "has the bytes of an earlier file" if exact else "has the pixels of an earlier file"
        kind = "exact_duplicate" if exact else "pixel_duplicate"
        links[index].defects.append(Defect(kind, f"{note}; the picture is first seen in {original.path}"))
        links[index].twin, links[index].similarity = original.path, 1.0


def _mark_near_copies(
    facts: Sequence[Facts], members: dict[str, list[int]], alike: Sequence[Alike], links: list[Link]
) -> None:
    """Mark the later picture of each pair, and name the earlier one that it is most like."""
    best: dict[int, tuple[float, int, bool]] = {}
    for pair in alike:
        earlier, later = sorted((members[pair.one][0], members[pair.other][0]))
        if later not in best or (pair.similarity, -earlier) > (best[later][0], -best[later][1]):
            best[later] = (pair.similarity, earlier, pair.mirrored)
    for index, (similarity, original, mirrored) in best.items():
        how = "mirrored, looks" if mirrored else "looks"
        note = f"{how} like {facts[original].path} (correlation {similarity:.3f})"
        links[index].defects.append(Defect("near_duplicate", note))
        links[index].twin, links[index].similarity = facts[original].path, similarity
        links[index].mirrored = mirrored


def _mark_conflicts(
    facts: Sequence[Facts], labels: Sequence[str | None], indices: list[int], links: list[Link]
) -> None:
    first: dict[str | None, int] = {}
    for index in indices:
        first.setdefault(labels[index], index)
    if len(first) < 2:
        return
    names = sorted(map(str, first))
    for index in indices:
        other = min(place for label, place in first.items() if label != labels[index])
        note = f"shows one picture that is labelled {', '.join(names)}; see {facts[other].path}"
        links[index].defects.append(Defect("label_conflict", note))
        links[index].twin = links[index].twin or facts[other].path


def _components(names: list[str], edges: list[tuple[str, str]]) -> dict[str, str]:
    """Name each connected component by its smallest member, a patient's before a picture's."""
    index = {name: number for number, name in enumerate(names)}
    pairs: npt.NDArray[np.int64] = np.asarray([(index[a], index[b]) for a, b in edges], np.int64).reshape(
        -1, 2
    )
    shape = (len(names), len(names))
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=shape)
    _, component = connected_components(graph, directed=False) if names else (0, np.zeros(0, int))
    smallest: dict[int, str] = {}
    for name, number in zip(names, component, strict=True):
        smallest[number] = min(name, smallest.get(number, name), key=_patients_first)
    return {name: smallest[number] for name, number in zip(names, component, strict=True)}


def _patients_first(name: str) -> tuple[bool, str]:
    return (not name.startswith(PATIENT), name)
