"""From the values that a DICOM file stores to what a viewer shows: rescaled, windowed, 0 to 255."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut

from scanops.dicom_frames import Stored
from scanops.dicom_identity import MAX_SEQUENCE_BYTES
from scanops.errors import ImageError

Levels = npt.NDArray[np.uint8]
Values = npt.NDArray[np.floating[Any]]
_FUNCTIONAL_GROUPS = ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")
_FRAME_SETTINGS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")


def grey(stored: Stored, data: Dataset, frame: int, *, inverted: bool) -> Levels:
    """Show grey values as PS3.3 section C.11 and PS3.4 section N.2 say.

    The first window is used; without one, the first VOI lookup table. With neither, unsigned values of up to
    8 bits are shown over the range that their bits can hold, like those of any picture, and all others over
    the range that they use, padding left out.

    Args:
        stored: Integers [H, W].
        data: The file's elements.
        frame: Which frame this is: enhanced files set windows frame by frame.
        inverted: Low values are white (MONOCHROME1).

    Returns:
        uint8 [H, W].
    """
    settings = _settings(data, frame)
    values, plain = _rescale(stored, settings)
    window = _window(settings)
    table = _first(settings, "VOILUTSequence")
    depth = int(data.BitsStored)
    if window is not None:
        shares = _apply_window(values, *window)
    elif table:
        found, bits = _look_up(values, table[0])
        shares = found / np.float32(2**bits - 1)
    elif plain and depth <= 8 and stored.dtype.kind == "u":
        shares = values / np.float32(2**depth - 1)
    else:
        shares = _spread(values, stored, data)
    levels = np.round(np.clip(shares, 0, 1) * 255).astype(np.uint8)
    return 255 - levels if inverted else levels


def colour(stored: Stored, bits: int) -> Levels:
    """Bring colours of any depth to 8 bits.

    Args:
        stored: Unsigned integers [H, W, 3], RGB.
        bits: How many bits of each are used.

    Returns:
        uint8 [H, W, 3].
    """
    if stored.ndim != 3:
        raise ValueError("colours need three samples")
    return stored.astype(np.uint8) if bits == 8 else (stored / (2**bits - 1) * 255).round().astype(np.uint8)


def palette(stored: Stored, data: Dataset, subject: str) -> Levels:
    """Look colours up in the file's palette.

    Args:
        stored: Integers [H, W].
        data: The file's elements.
        subject: What to call the file in a message.

    Returns:
        uint8 [H, W, 3].

    Raises:
        ImageError: `unsupported`: the palette is given by segments, which may unfold without bound.
    """
    if "RedPaletteColorLookupTableData" not in data:
        raise ImageError("unsupported", subject, "has a palette in segments", "Export it as RGB")
    found = apply_color_lut(stored, data)[..., :3]
    return found if found.dtype == np.uint8 else (found >> 8).astype(np.uint8)


def _settings(data: Dataset, frame: int) -> list[Dataset]:
    """List where settings of a frame may stand, the most particular first."""
    found = []
    for place, name in zip((frame, 0), _FUNCTIONAL_GROUPS, strict=True):
        element = data.get_item(name) if name in data else None
        if isinstance(element, RawDataElement) and len(element.value or b"") > MAX_SEQUENCE_BYTES:
            raise ValueError("the frames' settings are too large to be parsed")
        groups: Sequence[Dataset] = data.get(name) or ()
        if place < len(groups):
            found += [groups[place][inner][0] for inner in _FRAME_SETTINGS if groups[place].get(inner)]
    return [*found, data]


def _first(settings: Sequence[Dataset], keyword: str) -> Any:
    """Return the first value that is set, and of several alternatives the first; None where none is."""
    values = (one.get(keyword) for one in settings)
    value = next((value for value in values if value is not None and value != ""), None)
    return (value[0] if value else None) if isinstance(value, MultiValue) else value


def _rescale(stored: Stored, settings: Sequence[Dataset]) -> tuple[Values, bool]:
    """Apply the modality's transformation (C.11.1); tell also whether it leaves the values as they are."""
    kind: type[np.floating[Any]] = np.float32 if stored.dtype.itemsize <= 2 else np.float64
    table = _first(settings, "ModalityLUTSequence")
    if table:
        return _look_up(stored.astype(kind), table[0])[0].astype(kind), False
    slope, intercept = (_first(settings, name) for name in ("RescaleSlope", "RescaleIntercept"))
    factor, offset = float(1 if slope is None else slope), float(0 if intercept is None else intercept)
    if not np.isfinite([factor, offset]).all():
        raise ValueError("the rescaling is not finite")
    values: Values = stored.astype(kind)
    if (factor, offset) != (1, 0):
        values = values * kind(factor) + kind(offset)
    return values, (factor, offset) == (1, 0)


def _window(settings: Sequence[Dataset]) -> tuple[float, float, str] | None:
    """Read the first window: centre, width and function; None where there is none that can be used."""
    centre, width = (_first(settings, name) for name in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None:
        return None
    function = str(_first(settings, "VOILUTFunction") or "LINEAR").strip()
    least = 1 if function == "LINEAR" else 0
    usable = np.isfinite([float(centre), float(width)]).all() and float(width) >= least and float(width) > 0
    return (float(centre), float(width), function) if usable else None


def _apply_window(values: Values, centre: float, width: float, function: str) -> Values:
    """Apply a window, C.11.2.1.2 and C.11.2.1.3.

    Returns:
        Shares of the output range; those outside [0, 1] are to be clipped.
    """
    if function == "SIGMOID":
        shares: Values = 1 / (1 + np.exp(np.clip((values - centre) * (-4 / width), -80, 80)))
        return shares
    if function == "LINEAR_EXACT":
        return (values - centre) / width + 0.5
    if width == 1:
        return (values > centre - 0.5).astype(values.dtype)
    return (values - (centre - 0.5)) / (width - 1) + 0.5


def _look_up(values: Values, table: Dataset) -> tuple[npt.NDArray[np.uint16], int]:
    """Look values up in a table, C.11.1.1 and C.11.2.1.1; give also the bits of its entries."""
    count, first, bits = (int(number) for number in table.LUTDescriptor)
    if not 1 <= bits <= 16:
        raise ValueError("entries of a lookup table have 8 to 16 bits")
    data = table.LUTData
    order = "<" if table.original_encoding[1] else ">"
    stored = np.frombuffer(data, f"{order}u2") if isinstance(data, bytes) else np.asarray(data, np.int64)
    entries: npt.NDArray[np.uint16] = stored[: count or 2**16].astype(np.uint16)
    places = np.clip(values - first, 0, len(entries) - 1).astype(np.int64)
    return entries[places], bits


def _spread(values: Values, stored: Stored, data: Dataset) -> Values:
    """Scale values from the range that they use; what pads the picture has no say in it."""
    padding = data.get("PixelPaddingValue")
    used = values if padding is None else values[stored != int(padding)]
    if not used.size:
        return np.zeros_like(values)
    low, high = float(used.min()), float(used.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
