"""A training that was killed goes on where its last whole epoch ended, to the very same model."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import keras
import numpy as np
import tensorflow as tf

from scanops.atomic import replacing
from scanops.digest import hash_file
from scanops.model_rules import Augmentation, Training
from scanops.training import archive
from scanops.training.curve import Epoch
from scanops.training.dataset import Part

Arrays = list[np.ndarray[Any, Any]]
# Nobody comes back to a training that was killed so long ago.
KEPT_S = 14 * 24 * 3600


@dataclass(frozen=True)
class State:
    """All that an epoch leaves to the next; order, draws and dropout follow from seed and epoch.

    Attributes:
        curve: The points so far.
        weights: Of the model, after the last of them.
        optimiser: Variables of the optimiser, after the last of them.
        best: Weights of the model after the best epoch so far.
    """

    curve: list[Epoch]
    weights: Arrays
    optimiser: Arrays
    best: Arrays


class Checkpoint:
    """The state of one training, in a folder of its own.

    Args:
        folder: Holds `state.npz`, and `last_good.keras` after a loss that is not a number.

    Attributes:
        resumed: Whether a state was there to go on from.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "state.npz"
        self.resumed = False
        self._told = False

    def read(self) -> State | None:
        """Read the state after the last whole epoch.

        Returns:
            None when there is none, or it cannot be read.
        """
        try:
            state = parse(self.path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            print(
                f"warning: {self.folder}: is no checkpoint, training begins anew ({error})", file=sys.stderr
            )
            return None
        self.resumed = True
        return state

    def write(self, state: State) -> bool:
        """Replace the state in one step. A disk that is full costs the checkpoint, not the training.

        Args:
            state: After an epoch.

        Returns:
            Whether it is there.
        """
        parts = {"weights": state.weights, "optimiser": state.optimiser, "best": state.best}
        arrays = {f"{name}_{i}": array for name, part in parts.items() for i, array in enumerate(part)}
        arrays["curve"] = np.array(json.dumps([asdict(point) for point in state.curve]))
        arrays["counts"] = np.array(json.dumps({name: len(part) for name, part in parts.items()}))
        try:
            with replacing(self.path) as draft:
                np.savez(draft, allow_pickle=False, **arrays)
        except OSError as error:
            if not self._told:
                print(f"warning: {self.folder}: keeps no checkpoint ({error.strerror})", file=sys.stderr)
            self._told = True
            return False
        return True

    def rescue(self, model: keras.Model) -> str:
        """Keep the weights of the last whole epoch as a model that can be loaded.

        Args:
            model: Takes these weights.

        Returns:
            Where they are, as a sentence.
        """
        state = self.read()
        if state is None:
            return "No epoch had ended before, so there are no good weights"
        archive.settle(model, state.weights)
        path = self.folder / "last_good.keras"
        archive.save(model, path)
        return f"The weights of epoch {state.curve[-1].epoch}, the last good ones, are in {path}"


def parse(source: Path | IO[bytes]) -> State:
    """Read a state that `Checkpoint.write` wrote.

    Args:
        source: Its file, or the bytes of it.

    Returns:
        The state. What is no whole file of this kind raises one of many errors, see `Checkpoint.read`.
    """
    with np.load(source, allow_pickle=False) as file:
        curve = [Epoch(**point) for point in json.loads(str(file["curve"]))]
        counts = {name: int(count) for name, count in json.loads(str(file["counts"])).items()}
        parts = {name: [file[f"{name}_{i}"] for i in range(n)] for name, n in counts.items()}
        return State(curve, **parts)


def key(model: keras.Model, parts: Sequence[Part], params: Training, rules: Augmentation) -> str:
    """Tell trainings apart by everything that decides their outcome.

    Args:
        model: As built, with the weights that it starts from.
        parts: Decoded pictures and targets to learn from and to choose by.
        params: The training section.
        rules: Random changes of the training pictures.

    Returns:
        24 hexadecimal digits; another picture, parameter, first weight, version of a library or line of
        this package gives others.
    """
    sections = [section.model_dump(mode="json") for section in (params, rules)]
    versions = [tf.__version__, keras.__version__, np.__version__]
    backbone = Path(params.weights)  # weights alone do not tell how its layers are joined
    file = hash_file(backbone) if backbone.is_file() else None
    hasher = hashlib.sha256(json.dumps([sections, versions, file]).encode())
    pictures = [array for part in parts for array in (part.pixels, part.targets)]
    for array in (*pictures, *model.get_weights()):
        hasher.update(f"{array.shape} {array.dtype}".encode())
        hasher.update(np.ascontiguousarray(array).data)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        hasher.update(source.read_bytes())
    return hasher.hexdigest()[:24]


@contextlib.contextmanager
def keeping(
    cache: Path, model: keras.Model, parts: Sequence[Part], params: Training, rules: Augmentation
) -> Iterator[Checkpoint | None]:
    """Open the checkpoint of a training; when the block ends well it is removed, otherwise it stays.

    Args:
        cache: Where caches live.
        model: See `key`.
        parts: See `key`.
        params: See `key`.
        rules: See `key`.

    Yields:
        The checkpoint; None while another process trains the very same, or where it cannot be written.
    """
    folder = cache / "training" / key(model, parts, params, rules)
    with contextlib.ExitStack() as stack:
        hindrance = _claim(folder, stack)
        if hindrance:
            print(f"warning: {folder}: keeps no checkpoint ({hindrance})", file=sys.stderr)
        yield None if hindrance else Checkpoint(folder)
        if not hindrance:
            shutil.rmtree(folder, ignore_errors=True)


def _claim(folder: Path, stack: contextlib.ExitStack) -> str | None:
    """Make the folder and lock it until the stack closes; say what hinders it."""
    try:
        _forget_old(folder.parent)
        folder.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((folder / "lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "another process trains the same"
    except OSError as error:
        return error.strerror or "cannot be written"
    for draft in folder.glob(".state.npz.*"):  # of a process that was killed while it wrote
        shutil.rmtree(draft, ignore_errors=True)
    return None


def _forget_old(folder: Path) -> None:
    for place in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):  # its training has just ended
            if time.time() - place.stat().st_mtime > KEPT_S:
                shutil.rmtree(place, ignore_errors=True)
