"""The phantom: synthetic head slices that hold no shortcut, and defects that are what they claim."""

import hashlib
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, UnidentifiedImageError
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from scanops.data.phantom import CLASSES, Planted, draw, generate
from scanops.data.phantom_anatomy import PLANES, draw_head
from scanops.data.phantom_defects import DEFECTS, SMALLEST_SET, TWINNED, Spot, count_of_each, plant
from scanops.data.phantom_lesions import add_lesion
from scanops.errors import ConfigError

IMAGES = 160
SEED = 5


@dataclass(frozen=True)
class MadeSet:
    """One generated set: its folder, what was planted, and the progress that was reported."""

    root: Path
    planted: list[Planted]
    progress: list[int]

    def sound_files(self) -> list[Path]:
        """Return the files that carry no planted defect, in the order of their numbers."""
        spoilt = {self.root / one.path for one in self.planted}
        files = [file for file in self.root.rglob("*") if file.is_file() and file not in spoilt]
        return sorted(files, key=lambda file: file.stem)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeSet:
    """Generate one set in a pool of two processes."""
    root = tmp_path_factory.mktemp("phantom") / "raw"
    progress: list[int] = []
    planted = generate(root, images=IMAGES, seed=SEED, workers=2, progress=progress.append)
    return MadeSet(root, planted, progress)


@pytest.fixture(scope="module")
def least(tmp_path_factory: pytest.TempPathFactory) -> MadeSet:
    """Generate, in this process, the smallest set that holds defects."""
    root = tmp_path_factory.mktemp("least") / "raw"
    return MadeSet(root, generate(root, images=SMALLEST_SET, seed=2, workers=1), [])


def _digests(root: Path) -> dict[str, str]:
    files = (file for file in root.rglob("*") if file.is_file())
    return {f.relative_to(root).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def _pixels(file: Path) -> npt.NDArray[np.uint8]:
    with Image.open(file) as image:
        return np.asarray(image)


def _labels(files: list[Path]) -> list[str]:
    return [file.parent.name for file in files]


def test_worker_count_does_not_show(least: MadeSet, tmp_path: Path) -> None:
    """The same images and seed give the same bytes in one process and in two."""
    pooled = generate(tmp_path / "pooled", images=SMALLEST_SET, seed=2, workers=2)
    assert pooled == least.planted
    assert _digests(tmp_path / "pooled") == _digests(least.root)


def test_another_seed_gives_another_set(tmp_path: Path) -> None:
    """No picture of one seed comes back under another."""
    for seed in (1, 2):
        generate(tmp_path / str(seed), images=8, seed=seed, workers=1)
    first, second = _digests(tmp_path / "1"), _digests(tmp_path / "2")
    assert not set(first.values()) & set(second.values())


def test_classes_and_splits_are_balanced(made: MadeSet) -> None:
    """Each class has the same number of files, and one in five lies in the supplied test set."""
    files = [file for file in made.root.rglob("*") if file.is_file()]
    assert Counter(_labels(files)) == dict.fromkeys(CLASSES, IMAGES // 4)
    assert Counter(file.parent.parent.name for file in files) == {
        "train": IMAGES * 4 // 5,
        "test": IMAGES // 5,
    }


def test_only_images_are_written(made: MadeSet) -> None:
    """Sound files are .jpg and .png, no file has a name that is no image's, and each was reported once."""
    assert {file.suffix for file in made.sound_files()} == {".jpg", ".png"}
    assert {file.suffix for file in made.root.rglob("*") if file.is_file()} <= {".jpg", ".png", ".gif"}
    assert made.progress == list(range(1, IMAGES + 1))


def test_formats_and_modes_are_mixed(made: MadeSet) -> None:
    """Both formats and both modes occur, with greyscale JPEG the most frequent."""
    seen: Counter[tuple[str | None, str]] = Counter()
    for file in made.sound_files():
        with Image.open(file) as image:
            seen[image.format, image.mode] += 1
    assert {format_ for format_, _ in seen} == {"JPEG", "PNG"}
    assert {mode for _, mode in seen} == {"L", "RGB"}
    assert seen.most_common(1)[0][0] == ("JPEG", "L")


def test_every_kind_is_planted_and_recorded(made: MadeSet) -> None:
    """Each kind of defect occurs, each record names a file, and only copies name a twin."""
    assert {one.kind for one in made.planted} == set(DEFECTS)
    for one in made.planted:
        assert (made.root / one.path).is_file()
        assert (one.twin is not None) == (one.kind in TWINNED)
    named = [path for one in made.planted for path in (one.path, one.twin) if path]
    assert len(named) == len(set(named))


def test_smallest_set_with_defects_has_one_of_each(least: MadeSet) -> None:
    """From 100 images on there is at least one defect of each kind."""
    assert SMALLEST_SET == 100
    assert Counter(one.kind for one in least.planted) == dict.fromkeys(DEFECTS, 1)


def test_small_set_is_sound(tmp_path: Path) -> None:
    """Below 100 images nothing is planted, so that a smoke run has clean data."""
    assert generate(tmp_path / "raw", images=20, seed=1, workers=1) == []
    assert count_of_each(SMALLEST_SET - 1) == 0


def test_planted_copies_are_copies(made: MadeSet) -> None:
    """An exact duplicate has its twin's bytes, a pixel duplicate its pixels only, a near one neither."""
    for one in made.planted:
        if one.kind not in TWINNED or one.twin is None:
            continue
        file, twin = made.root / one.path, made.root / one.twin
        assert np.array_equal(_pixels(file), _pixels(twin)) == (one.kind != "near_duplicate")
        assert (file.read_bytes() == twin.read_bytes()) == (one.kind in ("exact_duplicate", "label_conflict"))
        assert (file.parent.name == twin.parent.name) == (one.kind != "label_conflict")


def test_copies_lie_within_train_and_across_the_split(least: MadeSet) -> None:
    """Some copies are inside train and some cross into test: the supplied split leaks a little."""
    copies = [one for one in least.planted if one.twin]
    assert {one.path.split("/")[0] for one in copies} == {"train", "test"}
    assert all(one.twin.startswith("train/") for one in copies if one.twin)


def _fails_to_load(content: bytes) -> bool:
    with Image.open(io.BytesIO(content)) as image:
        try:
            image.load()
        except OSError:
            return True
    return False


def _carries_a_name_or_place(file: Path) -> bool:
    with Image.open(file) as image:
        exif = image.getexif()
        return bool(
            exif.get(ExifTags.Base.Artist) or exif.get(ExifTags.IFD.GPSInfo) or "Author" in image.info
        )


def _format(file: Path) -> str | None:
    with Image.open(file) as image:
        return image.format


def _is_too_much(file: Path) -> bool:
    try:
        with Image.open(file) as image:
            return getattr(image, "n_frames", 1) > 1 or image.size == (40_000, 40_000)
    except Image.DecompressionBombError:  # Pillow's own limit, where nobody has lifted it
        return True


SPOILT: dict[str, Callable[[Path], bool]] = {
    "truncated": lambda file: _fails_to_load(file.read_bytes()),
    "format_mismatch": lambda file: (_format(file), file.suffix) == ("PNG", ".jpg"),
    "too_small": lambda file: max(_pixels(file).shape) < 32,
    "blank": lambda file: _pixels(file).std() == 0,
    "low_contrast": lambda file: 3 < _pixels(file).std() < 10,
    "colour_image": lambda file: np.ptp(_pixels(file), axis=2).mean() > 15,
    "identifying_metadata": _carries_a_name_or_place,
    "unsupported": _is_too_much,
}


@pytest.mark.parametrize("kind", sorted({*DEFECTS} - {*TWINNED}))
@pytest.mark.parametrize("seed", range(6))
def test_planted_files_are_spoilt_as_recorded(made: MadeSet, tmp_path: Path, kind: str, seed: int) -> None:
    """Each kind that needs no twin is true of the file itself, whatever the details that are drawn."""
    source = made.sound_files()[seed]
    (tmp_path / source.name).write_bytes(source.read_bytes())
    planted = plant(tmp_path, kind, Spot(source.name, None), np.random.default_rng(seed))
    file = tmp_path / planted.path
    assert [file] == list(tmp_path.iterdir())
    if kind == "undecodable":
        with pytest.raises(UnidentifiedImageError):
            Image.open(file)
    else:
        assert SPOILT[kind](file)


def test_a_set_holds_what_its_records_say(made: MadeSet) -> None:
    """Each recorded defect of a generated set is at its path."""
    for one in made.planted:
        if one.kind in SPOILT:
            assert SPOILT[one.kind](made.root / one.path), one


def test_sound_files_load_and_are_unlike_each_other(made: MadeSet) -> None:
    """Apart from the recorded copies every file loads and no two show the same pixels."""
    files = made.sound_files()
    assert len({_pixels(file).tobytes() for file in files}) == len(files)


def test_no_shortcut_by_file_or_brightness(made: MadeSet) -> None:
    """Size, format, mode, length in bytes and brightness do not tell the class."""
    files = made.sound_files()
    facts = []
    for file in files:
        with Image.open(file) as image:
            grey = np.asarray(image.convert("L"), dtype=np.float64)
            facts.append(
                [*image.size, image.format == "PNG", image.mode == "RGB", file.stat().st_size, grey.mean()]
            )
    forest = RandomForestClassifier(100, min_samples_leaf=3, random_state=0)
    accuracy = cross_val_score(forest, np.array(facts), _labels(files), cv=5).mean()
    # Chance is 0.25; 0.4 is more than four standard errors above it for this many images.
    assert accuracy < 0.4


def test_nearest_neighbour_is_not_enough(made: MadeSet) -> None:
    """The nearest picture in raw pixels has the right class less than 75 % of the time."""
    files = made.sound_files()
    small = [Image.fromarray(_pixels(file)).convert("L").resize((32, 32)) for file in files]
    pixels = np.array([np.asarray(image, dtype=np.float32).ravel() for image in small])
    accuracy = cross_val_score(KNeighborsClassifier(1), pixels, _labels(files), cv=5).mean()
    assert accuracy < 0.75


@pytest.mark.parametrize("plane", PLANES)
def test_tumours_change_the_head_and_health_does_not(plane: str) -> None:
    """On one anatomy each tumour brightens a visible part and leaves most of the slice; health none."""
    for seed in range(4):
        head = draw_head(plane, np.random.default_rng(seed))
        for kind in CLASSES:
            painted = add_lesion(kind, head, np.random.default_rng(seed))
            brighter = (painted - head.signal > 0.1).mean()
            if kind == "no_tumor":
                assert np.array_equal(painted, head.signal)
            else:
                assert 0.0015 < brighter < 0.12
                assert (painted != head.signal).mean() < 0.5


@pytest.mark.parametrize("plane", PLANES)
def test_tumours_grow_where_their_kind_does(plane: str) -> None:
    """A glioma stays on the brain, a pituitary mass covers the sella, a meningioma touches the dura."""
    for seed in range(6):
        head = draw_head(plane, np.random.default_rng(seed))
        masks = {
            kind: np.abs(add_lesion(kind, head, np.random.default_rng(seed)) - head.signal) > 0.15
            for kind in CLASSES
        }
        assert (masks["glioma"] & head.brain).sum() > 0.9 * masks["glioma"].sum()
        assert (masks["meningioma"] & (head.depth < 0.04)).any()
        row, column = (round((value + 1.1) / 2.2 * 256) for value in reversed(head.sella))
        assert masks["pituitary"][row - 4 : row + 5, column - 4 : column + 5].mean() > 0.5


@settings(max_examples=25, deadline=None)
@given(kind=st.sampled_from(CLASSES), plane=st.sampled_from(PLANES), seed=st.integers(0, 2**32))
def test_any_slice_is_a_picture(kind: str, plane: str, seed: int) -> None:
    """Any class, plane and seed give uint8 pixels of the promised size that are never blank."""
    image = draw(kind, plane, np.random.default_rng(seed))
    assert image.dtype == np.uint8
    assert image.ndim == 2
    assert all(150 <= side <= 420 for side in image.shape)
    assert image.std() > 12
    assert (image < 40).mean() > 0.15  # air


@pytest.mark.parametrize(("kind", "plane"), [("lymphoma", "axial"), ("glioma", "oblique")])
def test_unknown_class_or_plane_is_refused(kind: str, plane: str) -> None:
    """An unknown class or plane is an error that names it."""
    with pytest.raises(ValueError, match=f"{kind}.*{plane}"):
        draw(kind, plane, np.random.default_rng(0))


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    """A set is never mixed into what is there already, and a negative number is refused."""
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        generate(tmp_path, images=4, seed=1)
    with pytest.raises(ConfigError, match="-1"):
        generate(tmp_path / "new", images=-1, seed=1)
