"""The workers of a training as one: TensorFlow's strategy, and what they tell one another."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from scanops.errors import ConfigError, OutsideError
from scanops.training import checkpoints
from scanops.training.checkpoints import Checkpoint, State
from scanops.training.leash import Leash
from scanops.training.team import Team

# What TensorFlow raises in an operation of all workers when one is gone.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


class Group:
    """Joins the others; to be made before TensorFlow does anything else.

    Args:
        team: Who they are.
        leash: To the process that started this one, if one did.
        join: Makes the strategy that spans the workers.

    Attributes:
        team: Who they are.
        strategy: TensorFlow's.
        kept_epoch: After which epoch the training would go on if it ended now; 0 for none.
    """

    def __init__(
        self,
        team: Team,
        leash: Leash | None,
        join: Callable[[], Any] = tf.distribute.MultiWorkerMirroredStrategy,
    ) -> None:
        self.team, self._leash = team, leash
        self.kept_epoch = 0
        with self.heeding():
            self.strategy = join()

    @property
    def replicas(self) -> int:
        """How many copies of the model there are, on all workers together: one a GPU, or one a worker."""
        return int(self.strategy.num_replicas_in_sync)

    @property
    def own_replicas(self) -> range:
        """The places of this worker's copies among all."""
        count = self.replicas // len(self.team.addresses)
        return range(self.team.place * count, (self.team.place + 1) * count)

    def total(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Add up what each worker has.

        Args:
            values: Of the same shape and type on each; float32, float64, int32 or int64.

        Returns:
            The sum, on each.
        """
        first = self.own_replicas.start

        def own(context: Any) -> Any:
            mine = context.replica_id_in_sync_group == first
            return tf.constant(values if mine else np.zeros_like(values))

        spread = self.strategy.experimental_distribute_values_from_function(own)
        return np.asarray(self.strategy.reduce(tf.distribute.ReduceOp.SUM, spread, axis=None))

    def hand_out(self, data: bytes) -> bytes:
        """Give the chief's bytes to all.

        Args:
            data: Of the chief; others' are ignored.

        Returns:
            The chief's.
        """
        own = data if self.team.is_chief else b""
        size = int(self.total(np.array([len(own)], np.int64))[0])
        if not size:
            return b""
        words = np.zeros(-(-size // 4), np.int32)
        if self.team.is_chief:
            words.view(np.uint8)[:size] = np.frombuffer(own, np.uint8)
        return self.total(words).tobytes()[:size]

    def require_same(self, key: str) -> None:
        """Make sure that all have the same before them.

        Args:
            key: See `checkpoints.key`.

        Raises:
            ConfigError: Some worker has another key than the chief; every worker raises it.
        """
        keys = np.zeros((len(self.team.addresses), len(key)), np.int32)
        keys[self.team.place] = np.frombuffer(key.encode(), np.uint8)
        for place, row in enumerate(keys := self.total(keys)):
            if (row != keys[0]).any():
                raise ConfigError(
                    self.team.name(place),
                    f"has other data, parameters, weights, packages or code than {self.team.name(0)}",
                    "Bring both to the same state",
                )

    def dismiss(self) -> None:
        """Wait until the chief has written everything; the others' end would disturb it before.

        Raises:
            OutsideError: The chief has ended without having come so far.
        """
        if self.team.is_chief:
            with contextlib.suppress(*LOST):  # all is written, whoever is gone by now
                self.total(np.zeros(1, np.float32))
            return
        with self.heeding():
            self.total(np.zeros(1, np.float32))

    @contextlib.contextmanager
    def heeding(self) -> Iterator[None]:
        """Translate what TensorFlow raises when a worker is gone.

        Raises:
            OutsideError: It names the worker, and where the training would go on.
            KeyboardInterrupt: The process that started this one wants it to end.
        """
        try:
            yield
        except LOST as error:
            word = self._leash.word() if self._leash else ""
            if self._leash and self._leash.is_cut:
                raise KeyboardInterrupt from error
            subject, _, fault = word.partition(": ")
            raise OutsideError(
                subject or self.team.named_in(str(error)),
                f"{fault or 'ended, or cannot be reached any more'}, and the training has stopped",
                self._way_on(),
            ) from error

    def _way_on(self) -> str:
        if not self.kept_epoch:
            return "Run it again; it begins anew, since no epoch was kept"
        return f"Run it again with as many workers: it goes on after epoch {self.kept_epoch}"


class SharedCheckpoint:
    """A checkpoint that the chief keeps, and all go on from.

    Args:
        group: The workers.
        kept: The chief's checkpoint; None where it cannot keep one, and on the others.
    """

    def __init__(self, group: Group, kept: Checkpoint | None) -> None:
        self._group, self._kept = group, kept

    def read(self) -> State | None:
        """Read the chief's state after the last whole epoch, if there is one."""
        state = self._kept.read() if self._kept else None
        data = self._group.hand_out(self._kept.path.read_bytes() if self._kept and state else b"")
        if data and state is None:
            state = checkpoints.parse(io.BytesIO(data))
        self._group.kept_epoch = len(state.curve) if state else 0
        return state

    def write(self, state: State) -> None:
        """Have the chief replace its state; all go on when it has.

        Args:
            state: After an epoch, the same on all.
        """
        written = self._kept is not None and self._kept.write(state)
        if self._group.total(np.array([written], np.int32))[0]:
            self._group.kept_epoch = len(state.curve)

    def rescue(self, model: keras.Model) -> str:
        """Have the chief keep the last good weights; see `checkpoints.Checkpoint.rescue`."""
        if self._kept:
            return self._kept.rescue(model)
        return "No weights were kept" if self._group.team.is_chief else "The chief tells where weights are"
