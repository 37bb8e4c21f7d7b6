"""A coverage-guided search for bytes that `imaging.decode` crashes on, or hangs on: `make fuzz`.

Atheris (libFuzzer for Python) changes the seeds, and keeps what reaches new lines of Pillow's, pydicom's and
our own Python code. An `ImageError` is an answer; anything else that is raised is a find, and so is an input
that takes longer than `-timeout` seconds, or more memory than `-rss_limit_mb`. The input is then in
build/fuzz.

The decoders written in C (libjpeg, libtiff, zlib, …) run, but do not guide the search: their makers search
them with the same fuzzer in OSS-Fuzz.
"""

from __future__ import annotations

import sys
import warnings

import atheris

with atheris.instrument_imports(include=["PIL", "pydicom", "scanops"]):
    from PIL import (
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    from scanops import dicom, imaging
    from scanops.errors import ImageError

# Imported so that they are instrumented: Pillow and the decoder load them when first needed.
_WATCHED = (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    dicom,
)
# So that a run finds many small inputs instead of few large ones; the service's own bound is higher.
MOST_PIXELS = 1_000_000


def decode(data: bytes) -> None:
    """Decode one input, as the service does, in both of its ways.

    Args:
        data: What the fuzzer made.
    """
    imaging.count_pixels(data)
    try:
        image = imaging.decode(data, max_pixels=MOST_PIXELS)
    except ImageError:
        return
    pixels = image.pixels
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != "uint8":
        raise AssertionError(f"decoded to {pixels.shape} {pixels.dtype}")


def main() -> None:
    """Search until libFuzzer's own options end it."""
    warnings.simplefilter("ignore")  # of damaged metadata, by the thousand
    atheris.Setup(sys.argv, decode)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
