"""What the service counts, for Prometheus. Labels come from the code and the bundle, never from a request."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from scanops.serving.schemas import FileAnswer, Version

CONTENT_TYPE = CONTENT_TYPE_LATEST
LATENCY_S = (0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BATCH_SIZES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """Counters of one service.

    Args:
        version: What is running.
    """

    def __init__(self, version: Version) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        own = self._registry
        self._requests = Counter("scanops_requests", "Requests answered", ["route", "status"], registry=own)
        self._seconds = Histogram(
            "scanops_request_seconds",
            "Time from header to answer",
            ["route"],
            buckets=LATENCY_S,
            registry=own,
        )
        self._batches = Histogram(
            "scanops_batch_images", "Images answered together", buckets=BATCH_SIZES, registry=own
        )
        self._queue = Gauge("scanops_queue_images", "Images taken in and not yet answered", registry=own)
        self._open = Gauge("scanops_open_requests", "Requests being read or answered", registry=own)
        self._classes = Counter(
            "scanops_predictions", "Answers by most probable class", ["class"], registry=own
        )
        self._abstained = Counter("scanops_abstained", "Answers not to be relied on", ["why"], registry=own)
        self._refused = Counter("scanops_refused_files", "Files without an answer", ["kind"], registry=own)
        ready = Gauge(
            "scanops_info", "What is running", ["version", "git_sha", "bundle_sha256"], registry=own
        )
        ready.labels(version.version, version.git_sha, version.model.bundle_sha256).set(1)
        for name in version.classes:  # a class that was never answered is a zero, not a gap
            self._classes.labels(name)

    def watch(self, queue: Callable[[], float], requests: Callable[[], float]) -> None:
        """Say where the present numbers are read.

        Args:
            queue: Gives the images taken in and not yet answered.
            requests: Gives the requests being read or answered.
        """
        self._queue.set_function(queue)
        self._open.set_function(requests)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            route: The route as written in the code, or `unknown`; never a path as sent.
            status: HTTP status of the answer; where there was none, 499 for a client that left, and 0 for a
                service that was ended.
            seconds: From its header to the end of the answer.
        """
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_refused_connection(self, status: int) -> None:
        """Count a connection that was refused before there was a request to answer.

        Args:
            status: HTTP status of the refusal.
        """
        self._requests.labels("connection", str(status)).inc()

    def count_batch(self, size: int) -> None:
        """Count pictures that are answered together.

        Args:
            size: How many.
        """
        self._batches.observe(size)

    def count_answer(self, answer: FileAnswer) -> None:
        """Count the answer for a file.

        Args:
            answer: It has no error.
        """
        self._classes.labels(answer.class_name).inc()
        if answer.why is not None:
            self._abstained.labels(answer.why).inc()

    def count_refused(self, kind: str) -> None:
        """Count a file that got no answer.

        Args:
            kind: See `FileError`.
        """
        self._refused.labels(kind).inc()

    def text(self) -> bytes:
        """Give all of it in Prometheus' text format."""
        return generate_latest(self._registry)
