"""The work of `scanops.workers` on an existing Ray cluster, with the same results in the same order."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from scanops import cluster_connection, cluster_task
from scanops.cluster_task import Answer
from scanops.errors import OutsideError

Item = TypeVar("Item")
Result = TypeVar("Result")

WINDOW_CHUNKS = 4  # in flight for each core of the cluster
# A node that goes away is no fault of the item, unless it happens again and again.
MOST_TRIES_ALONE = 3


def address_from(environ: Mapping[str, str]) -> str | None:
    """Read which cluster to use; it decides where work is done and never what comes out.

    Args:
        environ: The environment.

    Returns:
        The value of `SCANOPS_CLUSTER`: `auto` or `host:port` on a node of the cluster, `ray://host:port`
        from elsewhere. None when it is unset or empty.
    """
    return environ.get(cluster_connection.VARIABLE) or None


def each(  # noqa: PLR0913 -- all but two are given by name
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    address: str,
    chunk: int,
    lost: Callable[[Item], Result] | None = None,
    shared: Path | None = None,
    cores: int = 1,
) -> Generator[Result, None, None]:
    """Call a function on each item, on the cores of a cluster.

    To be closed (`contextlib.closing`) by whoever may not read to the end: closing leaves the cluster, which
    ends the work under way.

    Args:
        work: A function of a module that each node can import.
        items: What to call it on. Paths among them, or in `work`, must be absolute and mean the same
            file on every node.
        address: See `address_from`.
        chunk: Items handed over at a time.
        lost: As in `workers.each`.
        shared: A folder that every node must see under the same absolute path; a node that does not is
            told of before it reports its files as missing.
        cores: What a chunk occupies.

    Yields:
        The results, in the order of the items.

    Raises:
        OutsideError: Ray is not installed, the cluster cannot be reached or goes away, no node has so many
            cores, a node has other software or does not see `shared`, or an item kills its process and there
            is no `lost`.
    """
    if not len(items):
        return
    with cluster_connection.connected(address) as ray:
        _require_cores(ray, cores)
        queue = _Queue(ray, work, items, shared, cores)
        for places in queue.in_order(chunk):
            yield from queue.results(places, lost)


class _Queue:
    """Chunks in flight, the oldest first."""

    def __init__(
        self,
        ray: ModuleType,
        work: Callable[[Any], Any],
        items: Sequence[Any],
        shared: Path | None,
        cores: int,
    ) -> None:
        self._ray = ray
        self._items = items
        self._task = ray.remote(max_retries=0, num_cpus=cores)(cluster_task.run)
        # Pickled by name, as for any worker: Ray's own way would copy code that nodes should have themselves.
        self._work = ray.put(pickle.dumps(work, pickle.HIGHEST_PROTOCOL))
        self._shared = None if shared is None else str(shared.absolute())
        self._window: deque[tuple[range, Any]] = deque()
        self._most = WINDOW_CHUNKS * max(1, int(ray.cluster_resources().get("CPU", 1)) // cores)

    def in_order(self, chunk: int) -> Iterator[range]:
        """Give chunk after chunk, whose answers are due, and keep the window full."""
        for start in range(0, len(self._items), chunk):
            places = range(start, min(start + chunk, len(self._items)))
            self._window.append((places, self._submit(places)))
            if len(self._window) == self._most:
                yield self._window[0][0]
        while self._window:
            yield self._window[0][0]

    def results(self, places: range, lost: Callable[[Any], Any] | None) -> Iterator[Any]:
        """Wait for the oldest chunk; if its process died, do its items one by one."""
        _, reference = self._window.popleft()
        try:
            answer = self._receive(reference)
        except _Death:
            for place in places:
                yield from _unpack(self._alone(place, lost))
        else:
            yield from _unpack(answer)

    def _alone(self, place: int, lost: Callable[[Any], Any] | None) -> Answer:
        deaths: list[_Death] = []
        while not deaths or (len(deaths) < MOST_TRIES_ALONE and not deaths[-1].by_its_item):
            try:
                return self._receive(self._submit(range(place, place + 1)))
            except _Death as death:
                deaths.append(death)
        item = self._items[place]
        if lost is not None:
            return Answer([lost(item)])
        raise OutsideError(
            f"the worker on {item!r}",
            f"died again when it was tried alone ({deaths[-1]})",
            "Look at that item, and at the memory of the nodes",
        )

    def _submit(self, places: range) -> Any:
        items = self._items[places.start : places.stop]
        return self._task.remote(self._work, items, cluster_task.software(), self._shared)

    def _receive(self, reference: Any) -> Answer:
        faults = self._ray.exceptions
        try:
            answer: Answer = self._ray.get(reference)
        except (faults.WorkerCrashedError, faults.OutOfMemoryError) as error:
            raise _Death(type(error).__name__, by_its_item=True) from error
        except (faults.NodeDiedError, faults.ObjectLostError) as error:
            raise _Death(type(error).__name__, by_its_item=False) from error
        except (faults.RayError, ConnectionError) as error:
            raise OutsideError(
                "the cluster",
                f"cannot do the work ({cluster_connection.first_line(error)})",
                "Look at its own logs",
            ) from error
        if answer.complaint:
            raise OutsideError(
                "the cluster", answer.complaint, "Install the same release, and mount the same folder, there"
            )
        return answer


class _Death(Exception):  # noqa: N818 -- it is an event
    """A process of the cluster ended in the middle of its items."""

    def __init__(self, how: str, *, by_its_item: bool) -> None:
        super().__init__(how)
        self.by_its_item = by_its_item


def _unpack(answer: Answer) -> Iterator[Any]:
    yield from answer.results
    if answer.error:
        raise answer.error


def _require_cores(ray: ModuleType, cores: int) -> None:
    """Refuse what no node could ever begin: Ray waits for one that could."""
    most = max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]), default=0)
    if cores > 1 and most < cores:
        fault = f"has no node with {cores} cores ({most} at most)"
        raise OutsideError("the cluster", fault, "Ask for fewer, or add such a node")
