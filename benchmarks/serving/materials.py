"""What is sent and what is served: laid out once, in a folder."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from scanops.data import phantom

ARCHIVE, SENT, LEARNT = "brain-tumor-4class.zip", "Testing/", "Training/"
PHANTOMS, LEARNT_PICTURES = 400, 300


@contextlib.contextmanager
def prepared(keep: Path | None, weights: str, *, quick: bool) -> Iterator[Path]:
    """Give a folder of pictures and bundles, see `benchmarks.serving.bundles`.

    Args:
        keep: Where to; taken as it is when it has been made before. None: a temporary one.
        weights: The trunk, or `none`.
        quick: With fewer pictures.

    Yields:
        The folder.
    """
    # Ends the servers and removes the folder, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as name:
        folder = (keep or Path(name)).absolute()
        if not (folder / "labels.json").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            _prepare(folder, weights, quick=quick)
        yield folder


def _prepare(folder: Path, weights: str, *, quick: bool) -> None:
    """Lay out the pictures, and make what all contenders serve."""
    sent, learnt = _pictures(folder)
    draw = random.Random(1)  # noqa: S311 -- a choice of pictures
    if quick:
        sent = draw.sample(sent, 60)
    (folder / "images").mkdir()
    for number, (_, data) in enumerate(sent):
        (folder / "images" / f"{number:05}.jpg").write_bytes(data)
    for number, (label, data) in enumerate(draw.sample(learnt, min(len(learnt), LEARNT_PICTURES))):
        place = folder / "learnt" / label / f"{number:05}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    say("making the network, its bundles, and Keras' own answers")
    command = [sys.executable, "-m", "benchmarks.serving.bundles", str(folder), "--weights", weights]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}")


def say(what: str) -> None:
    """Tell the terminal what goes on; the figures alone go to standard output."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _pictures(folder: Path) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """Give what is sent and what is learnt from: names of classes and files."""
    archive = Path(os.environ.get("SCANOPS_MIRROR", "")) / ARCHIVE
    if archive.is_file():
        with zipfile.ZipFile(archive) as held:
            names = [name for name in sorted(held.namelist()) if name.lower().endswith(".jpg")]
            sides = (
                [(Path(name).parent.name, held.read(name)) for name in names if name.startswith(side)]
                for side in (SENT, LEARNT)
            )
            sent, learnt = sides
            return sent, learnt
    say(f"no {ARCHIVE} in a folder that SCANOPS_MIRROR names: drawing {2 * PHANTOMS} phantoms instead")
    phantom.generate(folder / "drawn", images=2 * PHANTOMS, seed=1)
    files = sorted((folder / "drawn").rglob("*.jpg"))
    drawn = [(path.parent.name, path.read_bytes()) for path in files]
    return drawn[::2], drawn[1::2]
