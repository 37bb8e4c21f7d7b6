"""What decoding a file gives, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image


@dataclass(frozen=True)
class Decoded:
    """One decoded image, or one frame of a DICOM file.

    Attributes:
        picture: Upright; mode `L` where every pixel is grey, however it is stored, else `RGB`. A JPEG that
            was decoded for a network alone may come at a half, a quarter or an eighth of its stored size.
        format: The format that the bytes are in, in Pillow's spelling (`JPEG`, `PNG`, …), or `DICOM`.
        mode: Pillow's mode of the stored image: `L`, `RGB`, `RGBA`, `P`, …; `I;16` for grey DICOM of more
            than 8 bits.
        width: Stored width in pixels, before any rotation.
        height: Stored height in pixels, before any rotation.
        identifying: Names of metadata fields that may say who or where; their values are not kept.
        patient: Pseudonym of the patient that a DICOM file names, see `dicom_identity.pseudonym`; else None.
        extent: Of a JPEG that came smaller: its width and height in pixels of `picture`, which has whole ones
            and may reach up to one further. None: all of `picture`.
    """

    picture: Image.Image
    format: str
    mode: str
    width: int
    height: int
    identifying: tuple[str, ...] = ()
    patient: str | None = None
    extent: tuple[float, float] | None = None

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """uint8 [height, width, 3], RGB in [0, 255], upright; made anew each time."""
        return np.asarray(self.picture.convert("RGB"))
