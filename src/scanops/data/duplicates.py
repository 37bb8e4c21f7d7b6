"""Which files are the same picture, and which pictures must stay together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scanops.data.scan import Row


def mark(rows: Sequence[Row], labels: Sequence[str | None]) -> None:
    """Add the defects that need a comparison: extra copies, and one picture under two labels.

    Args:
        rows: Scanned rows, in the order of the manifest; changed in place. Of several files with one
            picture the first is the original, and each later one a duplicate.
        labels: Label of each row.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row.pixel_sha256:
            members[row.pixel_sha256].append(index)
    for indices in members.values():
        _mark_copies([rows[i] for i in indices])
        if len({labels[i] for i in indices}) > 1:
            seen = ", ".join(sorted({str(labels[i]) for i in indices}))
            for i in indices:
                rows[i].add("label_conflict", f"shows one picture that is labelled {seen}")


def group(rows: Sequence[Row], patients: Sequence[str | None]) -> list[str | None]:
    """Join what must not be separated: the same pixels, and the same patient.

    Args:
        rows: Scanned rows.
        patients: Patient of each row, or None where it is not known.

    Returns:
        A group for each row: the smallest of its members' keys (a patient's, else the pixels' hash),
        so that a group keeps its name as long as no smaller key joins it. None for unreadable files.
    """
    usable = [i for i, row in enumerate(rows) if row.pixel_sha256]
    keys: dict[str, int] = {}
    edges = []
    for i in usable:
        pixels = keys.setdefault(f"{rows[i].pixel_sha256}", len(keys))
        if patients[i] is not None:
            edges.append((pixels, keys.setdefault(f"patient:{patients[i]}", len(keys))))
    if not keys:
        return [None] * len(rows)
    pairs = np.asarray(edges, int).reshape(-1, 2)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(keys), len(keys)))
    _, component = connected_components(graph, directed=False)
    names: dict[int, str] = {}
    for key, index in keys.items():
        names[component[index]] = min(key, names.get(component[index], key), key=_patients_first)
    return [names[component[keys[f"{row.pixel_sha256}"]]] if row.pixel_sha256 else None for row in rows]


def _patients_first(key: str) -> tuple[bool, str]:
    return (not key.startswith("patient:"), key)


def _mark_copies(rows: Sequence[Row]) -> None:
    first = rows[0]
    seen = {first.sha256}
    for row in rows[1:]:
        if row.sha256 in seen:
            row.add(
                "exact_duplicate", f"has the bytes of another file; the picture is first seen in {first.path}"
            )
        else:
            row.add("pixel_duplicate", f"has the pixels of {first.path}")
            seen.add(row.sha256)
