"""What figures share: colours, and PNG bytes that are the same for the same values.

Nothing here touches pyplot's global state or the reader's own matplotlib settings, and the files
carry no date and no version.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

# Okabe and Ito's palette, told apart with any common colour blindness (Wong 2011, Nature Methods 8:441).
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#6E6E6E"
PALETTE = (BLUE, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", ORANGE, "#000000")
DASHES = ("-", "--", "-.", ":")
DPI = 120
COMPRESSION = 3  # of 9; the usual 6 takes twice as long for a figure of scans, which is no smaller then
# Of axes that show a picture: ticks would be made, measured and not drawn.
BARE = {"xticks": (), "yticks": ()}
MAX_TITLE = 34


@contextlib.contextmanager
def blank(width_in: float, height_in: float) -> Iterator[Figure]:
    """Give an empty figure, drawn with the library's own settings.

    Args:
        width_in: Width in inches.
        height_in: Height in inches.

    Yields:
        The figure; what is drawn inside the block has the settings.
    """
    # A class name may hold a dollar sign, which is no formula here.
    with mpl.style.context(["default", {"text.parse_math": False, "font.size": 10}]):
        yield Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")


def png(figure: Figure) -> bytes:
    """Encode a figure.

    Args:
        figure: What `blank` gave.

    Returns:
        A PNG.
    """
    canvas, layout = FigureCanvasAgg(figure), figure.get_layout_engine()
    # `savefig` would draw everything a first time, for the layout alone.
    if layout is not None:
        layout.execute(figure)
        figure.set_layout_engine("none")
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib's own stubs lack it
    buffer = io.BytesIO()
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]  # the same
    pixels = np.ascontiguousarray(drawn[..., :3])  # nothing is transparent
    Image.fromarray(pixels).save(buffer, "PNG", dpi=(DPI, DPI), compress_level=COMPRESSION)
    return buffer.getvalue()


def short(text: str) -> str:
    """Cut a text at 34 characters.

    Args:
        text: One line.

    Returns:
        The text, ending in an ellipsis where it was cut.
    """
    return text if len(text) <= MAX_TITLE else text[: MAX_TITLE - 1] + "…"
