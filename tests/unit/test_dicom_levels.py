"""From stored values to grey levels: numbers worked out by hand from the standard's formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanops import imaging
from tests import dicom_files
from tests.dicom_files import encode, item

RAMP = np.arange(0, 4096, dtype=np.uint16).reshape(64, 64)


def grey(data: bytes, frame: int | None = None) -> list[int]:
    """Decode, and list the grey levels in the order of the pixels."""
    pixels = imaging.decode(data, frame=frame).pixels
    assert (pixels == pixels[..., :1]).all()
    return [int(level) for level in pixels[..., 0].ravel()]


def row(*values: int, kind: type[np.integer] = np.uint16) -> np.ndarray:
    """Make a picture of one row."""
    return np.array([values], kind)


@pytest.mark.parametrize(
    ("function", "window", "expected"),
    [
        # C.11.2.1.2: ((x - (c - 0.5)) / (w - 1) + 0.5) · 255: 0 below 74.5, 255 above 124.5.
        (None, ("100", 51), [0, 0, 3, 130, 252, 255, 255]),
        ("LINEAR", ("100", 51), [0, 0, 3, 130, 252, 255, 255]),
        # C.11.2.1.3.2: ((x - c) / w + 0.5) · 255: 0 below 75.5, 255 above 125.5.
        ("LINEAR_EXACT", ("100.5", 50), [0, 0, 0, 125, 247, 252, 255]),
        # C.11.2.1.3.1: 255 / (1 + exp(-4 (x - c) / w)).
        ("SIGMOID", ("100", 51), [0, 29, 31, 128, 221, 224, 255]),
    ],
)
def test_window(function: str | None, window: tuple[str, int], expected: list[int]) -> None:
    """Each VOI function gives the standard's numbers."""
    stored = row(0, 74, 75, 100, 124, 125, 4000)
    voi = {"WindowCenter": window[0], "WindowWidth": window[1], "VOILUTFunction": function}
    assert grey(encode(stored, **voi)) == expected


def test_narrowest_window_is_a_threshold() -> None:
    """A window of width 1 turns from black to white at c - 0.5."""
    assert grey(encode(row(9, 10, 11), WindowCenter="10.5", WindowWidth=1)) == [0, 0, 255]


def test_first_of_several_windows() -> None:
    """Where a file offers several windows, the first is shown."""
    both = encode(row(0, 50, 100), WindowCenter=[50, 1000], WindowWidth=[101, 10])
    assert grey(both) == grey(encode(row(0, 50, 100), WindowCenter=50, WindowWidth=101))


@pytest.mark.parametrize("width", [0, -5, "0.5"])
def test_impossible_window_is_ignored(width: object) -> None:
    """A width that the standard forbids is no window: the values' own range is shown."""
    assert grey(encode(row(100, 150, 200), WindowCenter=50, WindowWidth=width)) == [0, 128, 255]


def test_rescale_comes_before_the_window() -> None:
    """CT: stored values become Hounsfield units, and the window is in those."""
    stored = row(0, 1024, 1064, 1104, 4000)
    data = encode(stored, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter="40.5", WindowWidth=81)
    assert grey(data) == [0, 0, 128, 255, 255]


def test_signed_values() -> None:
    """Negative stored values are negative, also where fewer bits are stored than allocated."""
    data = encode(row(-1000, 0, 1000, kind=np.int16), BitsStored=12, HighBit=11)
    assert grey(data) == [0, 128, 255]


def test_eight_bits_are_shown_as_they_are() -> None:
    """Without window, 8-bit values are grey levels already; 4-bit ones use the range of their bits."""
    assert grey(encode(row(10, 20, 250, kind=np.uint8))) == [10, 20, 250]
    assert grey(encode(row(0, 5, 15, kind=np.uint8), BitsStored=4, HighBit=3)) == [0, 85, 255]


def test_more_bits_are_spread_from_their_range() -> None:
    """Without window, 12 bits are scaled from the lowest to the highest value there is."""
    assert grey(encode(row(1000, 1500, 2000), BitsStored=12, HighBit=11)) == [0, 128, 255]


def test_padding_has_no_say_in_the_range() -> None:
    """What pads the picture is far outside of it and would flatten it."""
    data = encode(row(-2000, 0, 50, 100, kind=np.int16), PixelPaddingValue=-2000)
    assert grey(data) == [0, 0, 128, 255]


def test_evenly_grey_is_black() -> None:
    """One value alone has no range, and divides by nothing."""
    assert grey(encode(row(7, 7, 7))) == [0, 0, 0]
    assert grey(encode(row(7, 7, kind=np.int16), PixelPaddingValue=7)) == [0, 0]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 4095), min_size=2, max_size=30),
    st.none() | st.tuples(st.integers(0, 4095), st.integers(1, 4000)),
)
def test_monochrome1_is_monochrome2_inverted(values: list[int], window: tuple[int, int] | None) -> None:
    """Low is white: the same values give 255 minus the level, with a window and without."""
    voi = {} if window is None else {"WindowCenter": window[0], "WindowWidth": window[1]}
    plain = grey(encode(row(*values), **voi))
    inverted = grey(encode(row(*values), PhotometricInterpretation="MONOCHROME1", **voi))
    assert inverted == [255 - level for level in plain]


def _table(*entries: int, first: int, bits: int) -> object:
    made = item(LUTDescriptor=[len(entries), first, bits], LUTData=list(entries))
    made["LUTDescriptor"].VR = made["LUTData"].VR = "US"
    return [made]


def test_voi_lookup_table() -> None:
    """Outside of the table its first and last entries hold; entries are scaled by their bits."""
    table = _table(0, 1023, 512, first=100, bits=10)
    assert grey(encode(row(0, 100, 101, 102, 999), VOILUTSequence=table)) == [0, 0, 255, 128, 128]


def test_a_window_goes_before_a_table() -> None:
    """Where both are offered, the window is taken."""
    voi = {"WindowCenter": 50, "WindowWidth": 101}
    table = _table(0, 1023, first=100, bits=10)
    assert grey(encode(row(0, 50, 100), VOILUTSequence=table, **voi)) == grey(encode(row(0, 50, 100), **voi))


def test_modality_lookup_table() -> None:
    """The modality's table takes the place of slope and intercept."""
    table = _table(0, 300, 100, first=0, bits=16)
    assert grey(encode(row(0, 1, 2), ModalityLUTSequence=table)) == [0, 255, 85]


def _enhanced() -> bytes:
    """Two frames with a window each, and a rescaling for both."""
    windows = [item(FrameVOILUTSequence=[item(WindowCenter=c, WindowWidth=101)]) for c in (50, 150)]
    shared = item(PixelValueTransformationSequence=[item(RescaleIntercept=-100, RescaleSlope=1)])
    return encode(
        np.stack([row(150, 250)] * 2),
        PerFrameFunctionalGroupsSequence=windows,
        SharedFunctionalGroupsSequence=[shared],
    )


def test_settings_of_enhanced_files() -> None:
    """A frame's own window is taken, and what is set for all frames holds for each."""
    assert grey(_enhanced(), frame=0) == [129, 255]
    assert grey(_enhanced(), frame=1) == [0, 129]


def test_colours() -> None:
    """RGB of 8 bits is kept, of 16 bits scaled; YBR of one grey is that grey."""
    colours = np.array([[[255, 0, 7], [1, 2, 3]]], np.uint8)
    np.testing.assert_array_equal(imaging.decode(encode(colours)).pixels, colours)
    deep = imaging.decode(encode(colours.astype(np.uint16) * 257)).pixels
    np.testing.assert_array_equal(deep, colours)
    neutral = np.array([[[90, 128, 128], [200, 128, 128]]], np.uint8)
    assert grey(encode(neutral, PhotometricInterpretation="YBR_FULL")) == [90, 200]


def test_planar_colours() -> None:
    """Colours stored plane by plane come out pixel by pixel."""
    colours = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    made = dicom_files.dataset(colours, PlanarConfiguration=1)
    made.PixelData = colours.transpose(2, 0, 1).tobytes()
    np.testing.assert_array_equal(imaging.decode(dicom_files.written(made)).pixels, colours)


@pytest.mark.parametrize("bits", [8, 16])
def test_palette(bits: int) -> None:
    """Values are places in the palette; entries of 16 bits keep their upper eight."""
    factor = 1 if bits == 8 else 256
    tables = {
        f"{name}PaletteColorLookupTableData": (np.array(levels) * factor).astype(f"<u{bits // 8}").tobytes()
        for name, levels in {"Red": [1, 200], "Green": [2, 100], "Blue": [3, 50]}.items()
    }
    descriptors = {
        f"{name}PaletteColorLookupTableDescriptor": [2, 0, bits] for name in ("Red", "Green", "Blue")
    }
    made = dicom_files.dataset(row(0, 1, kind=np.uint8), PhotometricInterpretation="PALETTE COLOR", **tables)
    for keyword, value in descriptors.items():
        made.add_new(keyword, "US", value)
    decoded = imaging.decode(dicom_files.written(made))
    assert decoded.mode == "P"
    assert decoded.pixels.tolist() == [[[1, 2, 3], [200, 100, 50]]]


def test_order_is_kept() -> None:
    """Whatever the scaling, a higher value is never darker."""
    levels = grey(encode(RAMP, BitsStored=12, HighBit=11))
    assert levels == sorted(levels)
    assert (levels[0], levels[-1]) == (0, 255)
