"""Many small distinct images, made quickly: random views of the pictures of another set."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from scanops import workers

SIDE_PX = 96
QUALITY = 85
SCALES = (0.35, 0.6)  # of the source's shorter side
PICTURES_A_TASK = 4


@dataclass(frozen=True)
class _Task:
    """One source, and the numbers of the views to be made of it."""

    source: Path
    numbers: range


def write(root: Path, sources: list[Path], numbers: range) -> None:
    """Write views; the same sources and numbers give the same files.

    Args:
        root: Folder to write to, in a folder a class.
        sources: Images to take views of; the folder of each names its class.
        numbers: A view each: its number is its name and its seed.
    """
    tasks = [
        _Task(source, numbers[turn :: len(sources)])
        for turn, source in enumerate(sources)
        if turn < len(numbers)
    ]
    for label in {source.parent.name for source in sources}:
        (root / label).mkdir(parents=True, exist_ok=True)
    made = workers.each(partial(_take, root), tasks, workers=None, chunk=PICTURES_A_TASK)
    with contextlib.closing(made), tqdm(total=len(numbers), desc="views", disable=None, leave=False) as bar:
        for count in made:
            bar.update(count)


def _take(root: Path, task: _Task) -> int:
    """Turn, scale and shift the picture, each at random."""
    with Image.open(task.source) as opened:
        opened.draft("L", (512, 512))
        picture = opened.convert("L")
    for number in task.numbers:
        rng = np.random.default_rng(number)
        step = rng.uniform(*SCALES) * min(picture.size) / SIDE_PX
        angle = rng.uniform(0, 2 * np.pi)
        across, down = step * np.cos(angle), step * np.sin(angle)
        x, y = (rng.uniform(0.35, 0.65) * side for side in picture.size)
        half = SIDE_PX / 2
        matrix = (across, -down, x - half * (across - down), down, across, y - half * (down + across))
        view = picture.transform(
            (SIDE_PX, SIDE_PX), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )
        view.save(root / task.source.parent.name / f"{number:07}.jpg", "JPEG", quality=QUALITY)
    return len(task.numbers)
