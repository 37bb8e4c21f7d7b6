"""How unlike the training pictures a picture is: the larger of two distances, of its embedding and its looks.

Each is a Mahalanobis distance to the nearest class mean, under a covariance that all classes share (Lee et
al. 2018, arXiv:1807.03888). The covariance is kept as its longest axes and one variance for all the rest,
as in probabilistic principal components (Tipping and Bishop 1999, doi:10.1111/1467-9868.00196), so that it is
never singular, stays small for embeddings of thousands of numbers, and still counts what lies off the axes.

An embedding alone tells little where a network has only ever met heads: whatever it did not need for
telling their classes apart it threw away. What a picture looks like, see `appearance`, is asked beside it.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scanops.appearance import describe

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
VIEWS = ("embedding", "looks")


class Cloud(NamedTuple):
    """Where training pictures lie, in one kind of description of D numbers.

    Attributes:
        scales: float32 [D], what each number is divided by.
        centres: float32 [K, D], mean of each class, divided.
        axes: float32 [D, A], the directions in which classes spread most, of length 1.
        spreads: float32 [A], variance along each.
        rest: float32 [], variance along every other direction.
        usual: float32 [], what distances are in units of: one that few head scans exceed.
    """

    scales: Floats
    centres: Floats
    axes: Floats
    spreads: Floats
    rest: Floats
    usual: Floats

    def distance(self, described: Floats) -> Floats:
        """Measure how far pictures are from the nearest class.

        Args:
            described: float32 [N, D].

        Returns:
            float32 [N], squared Mahalanobis distances over `usual`; 0 or more. What is not finite is at inf.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            away = (described / self.scales)[:, None] - self.centres
            along = away @ self.axes
            within = (along * along / self.spreads).sum(-1)
            off = np.maximum((away * away).sum(-1) - (along * along).sum(-1), 0.0) / self.rest
            nearest = (within + off).min(axis=1) / self.usual
        return np.asarray(np.nan_to_num(nearest, nan=np.inf, posinf=np.inf), np.float32)

    def project(self, described: Floats, count: int) -> Floats:
        """Place pictures along the longest axes, to follow how they spread with few numbers.

        Args:
            described: float32 [N, D].
            count: How many axes.

        Returns:
            float32 [N, count], in standard deviations from the middle of all classes; zeros where there
            are fewer axes. What is not finite stays so.
        """
        placed = np.zeros((len(described), count), np.float32)
        kept = min(count, len(self.spreads))
        with np.errstate(over="ignore", invalid="ignore"):
            away = described / self.scales - self.centres.mean(axis=0)
            placed[:, :kept] = (away @ self.axes[:, :kept]) / np.sqrt(self.spreads[:kept])
        return placed


@dataclass(frozen=True)
class Novelty:
    """What a bundle knows of the pictures that it learnt from.

    Attributes:
        embedding: How the network sees them.
        looks: What they look like.
    """

    embedding: Cloud
    looks: Cloud

    def score(self, pixels: Pixels, embedding: Floats) -> Floats:
        """Say how unlike the training pictures some pictures are.

        Args:
            pixels: uint8 [N, S, S, 3], what the network was given.
            embedding: float32 [N, D], what it made of them.

        Returns:
            float32 [N]; nearly all head scans have less than 1 or little more, a stranger has more.
        """
        return self.compare(embedding, describe(pixels))

    def compare(self, embedding: Floats, looks: Floats) -> Floats:
        """Say the same of pictures that are described already.

        Args:
            embedding: float32 [N, D].
            looks: float32 [N, L], what `appearance.describe` returns.

        Returns:
            See `score`.
        """
        return np.maximum(self.embedding.distance(embedding), self.looks.distance(looks))


def pack(novelty: Novelty) -> bytes:
    """Write as bytes; equal values give equal bytes.

    Args:
        novelty: What was fitted.

    Returns:
        A file in NumPy's `npz` format.
    """
    buffer = io.BytesIO()
    # NumPy stamps the members of an archive with 1980, whatever the time is.
    np.savez(buffer, allow_pickle=False, **_named(novelty))
    return buffer.getvalue()


def unpack(data: bytes) -> Novelty:
    """Read what `pack` wrote.

    Args:
        data: A file's bytes.

    Returns:
        The same values.

    Raises:
        ValueError: The bytes are something else.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as held:
            clouds = [Cloud(*(held[f"{view}.{name}"] for name in Cloud._fields)) for view in VIEWS]
    except (KeyError, OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"holds no novelty score: {error}") from error
    for cloud in clouds:
        _require_shapes(cloud)
    return Novelty(*clouds)


def _named(novelty: Novelty) -> dict[str, Floats]:
    return {
        f"{view}.{name}": np.asarray(values, np.float32)
        for view, cloud in zip(VIEWS, (novelty.embedding, novelty.looks), strict=True)
        for name, values in cloud._asdict().items()
    }


def _require_shapes(cloud: Cloud) -> None:
    found = tuple(values.shape for values in cloud)
    width, axes = (*cloud.axes.shape, 0, 0)[:2]
    expected = ((width,), (*cloud.centres.shape[:1], width), (width, axes), (axes,), (), ())
    sound = all(values.dtype == np.float32 and np.isfinite(values).all() for values in cloud)
    lengths = (cloud.scales, cloud.spreads, cloud.rest, cloud.usual)
    if found != expected or not sound or not all((values > 0).all() for values in lengths):
        raise ValueError(f"holds arrays of the shapes {found}, or numbers that cannot be")
