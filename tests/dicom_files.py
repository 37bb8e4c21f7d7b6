"""Small DICOM files made on the spot."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom.data
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filewriter import dcmwrite

BUNDLED = Path(pydicom.data.__file__).parent / "test_files"


def dataset(stored: npt.NDArray[np.generic], **elements: object) -> FileDataset:
    """Describe pixels as a secondary capture.

    Args:
        stored: Unsigned or signed integers: [H, W] grey, [H, W, 3] colours, or [N, H, W] frames of grey.
        **elements: Further elements by keyword; None leaves one out.

    Returns:
        A data set to change, or to write.
    """
    colours = stored.ndim == 3 and stored.shape[2] == 3
    frames = stored.shape[0] if stored.ndim == 3 and not colours else None
    height, width = stored.shape[:2] if frames is None else stored.shape[1:]
    bits = stored.dtype.itemsize * 8
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = uid.SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    made = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    told: dict[str, object] = {
        "SOPClassUID": uid.SecondaryCaptureImageStorage,
        "SOPInstanceUID": "1.2.3.4",
        "Modality": "OT",
        "Rows": height,
        "Columns": width,
        "NumberOfFrames": frames,
        "SamplesPerPixel": 3 if colours else 1,
        "PlanarConfiguration": 0 if colours else None,
        "PhotometricInterpretation": "RGB" if colours else "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(stored.dtype.kind == "i"),
    }
    for keyword, value in {**told, **elements}.items():
        if value is not None:
            setattr(made, keyword, value)
    data = stored.tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    made["PixelData"].VR = "OW" if bits > 8 else "OB"
    return made


def written(made: FileDataset) -> bytes:
    """Write a data set as the bytes of a file."""
    buffer = io.BytesIO()
    dcmwrite(buffer, made, enforce_file_format=True)
    return buffer.getvalue()


def encode(stored: npt.NDArray[np.generic], **elements: object) -> bytes:
    """Write pixels as the bytes of a file, see `dataset`."""
    return written(dataset(stored, **elements))


def encapsulated(
    stored: npt.NDArray[np.generic], syntax: str, frames: list[bytes], **elements: object
) -> bytes:
    """Write frames that are compressed already; `stored` gives their size."""
    made = dataset(stored, **elements)
    made.file_meta.TransferSyntaxUID = uid.UID(syntax)
    made.PixelData = pydicom.encaps.encapsulate(frames)
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return written(made)


def item(**elements: object) -> Dataset:
    """Make the data set of one item of a sequence."""
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made
