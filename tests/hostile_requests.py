"""Requests that no good client sends, by what is wrong with them."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np

from tests import dicom_files, hostile_pictures
from tests.pictures import encode, noise

SIDE = 32  # of the model that these are for
GOOD = encode(noise(1))
FORM = b"--b\r\nContent-Disposition: form-data; name=files; filename=f\r\n\r\n"
POST = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
V2 = b"POST /v2/models/scanops/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"

# Files, each to be refused by a reason of its own.
HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "half a JPEG": encode(noise(10), "JPEG")[:3000],
    "random": np.random.default_rng(0).bytes(5000),
    "a page": b"<!doctype html><title>404</title>",
    "text": b"scanned in May",
    "1,600 million pixels": hostile_pictures.huge(),
    "36 million pixels in 35 kB": hostile_pictures.bomb(),
    "a comment of 64 MB": hostile_pictures.text_bomb(),
    "a palette lost": hostile_pictures.lost_palette(),
    "moving GIF": hostile_pictures.animated("GIF", 12),
    "moving PNG": hostile_pictures.animated("PNG", 15),
    "moving WebP": hostile_pictures.animated("WEBP", 18),
    "half a DICOM file": dicom_files.encode(noise(2)[..., 0])[:3000],
    "DICOM of huge size": dicom_files.encode(noise(2)[..., 0], Rows=60_000, Columns=60_000),
    "DICOM of seven frames": dicom_files.encode(np.zeros((7, 48, 40), np.uint8)),
    "DICOM without a picture": dicom_files.encode(noise(2)[..., 0], Rows=None),
}

# Files that are rare, and sound.
ODD: dict[str, bytes] = {
    "one pixel": encode(noise(11, 1, 1), mode="L"),
    "16 bits": hostile_pictures.sixteen_bits(),
    "CMYK": hostile_pictures.cmyk(),
    "a transparent palette": hostile_pictures.transparent_palette(),
    "lying on its side": hostile_pictures.lying_on_its_side(),
}
ODD_NAMES: dict[str, bytes] = {
    "empty": b"",
    "quotes": rb"DOE \"JANE\".png",
    "half a character": b"DOE\xff\xfe.png",
    "a path": b"../../etc/DOE.png",
    "markup": b"<img src=DOE onerror=alert(1)>.png",
    "of 4,000 bytes": b"DOE" * 1333 + b".png",
}

# What is not a form of up to 64 files: its status, and the request as httpx takes it.
MALFORMED: dict[str, tuple[int, dict[str, Any]]] = {
    "wrong content type": (415, {"content": b"{}", "headers": {"content-type": "application/json"}}),
    "no content type": (415, {"content": b"{}"}),
    "no boundary": (400, {"content": b"x", "headers": {"content-type": "multipart/form-data"}}),
    "no file": (422, {"files": {"files": (None, b"text")}}),
    "65 files": (413, {"files": [("files", ("f", GOOD))] * 65}),
    "100,000 parts": (
        413,
        {
            "content": b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n" * 100_000,
            "headers": {"content-type": "multipart/form-data; boundary=b"},
        },
    ),
    "a compressed body": (
        400,
        {
            "content": gzip.compress(FORM + GOOD + b"\r\n--b--\r\n"),
            "headers": {"content-type": "multipart/form-data; boundary=b", "content-encoding": "gzip"},
        },
    ),
}


def tensor(**changes: object) -> dict[str, object]:
    """Describe one grey image as the protocol has it."""
    size = SIDE * SIDE * 3
    good = {"name": "image", "datatype": "UINT8", "shape": [1, SIDE, SIDE, 3], "data": [7] * size}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


TENSORS: dict[str, object] = {
    "a list": [],
    "no inputs": {"inputs": []},
    "two inputs": {"inputs": [tensor(), tensor()]},
    "another name": {"inputs": [tensor(name="x")]},
    "another type": {"inputs": [tensor(datatype="FP32")]},
    "another size": {"inputs": [tensor(shape=[1, 8, 8, 3])]},
    "no image": {"inputs": [tensor(shape=[0, SIDE, SIDE, 3], data=[])]},
    "a thousand million images": {"inputs": [tensor(shape=[10**9, SIDE, SIDE, 3])]},
    "a size beyond 64 bits": {"inputs": [tensor(shape=[2**70, SIDE, SIDE, 3])]},
    "a negative size": {"inputs": [tensor(shape=[-1, SIDE, SIDE, 3])]},
    "too few numbers": {"inputs": [tensor(data=[7])]},
    "a number of 256": {"inputs": [tensor(data=[256] * (SIDE * SIDE * 3))]},
    "a number below 0": {"inputs": [tensor(data=[-1] * (SIDE * SIDE * 3))]},
    "fractions": {"inputs": [tensor(data=[0.5] * (SIDE * SIDE * 3))]},
    "words": {"inputs": [tensor(data=["7"] * (SIDE * SIDE * 3))]},
    "ragged rows": {"inputs": [tensor(data=[[1, 2], [3]])]},
    "nested wrongly": {"inputs": [tensor(data=[[7] * (SIDE * SIDE * 3)] * 2)]},
    "no data": {"inputs": [tensor(data=None)]},
    "binary data that are not there": {"inputs": [tensor(data=None, parameters={"binary_data_size": 9})]},
    "data twice": {"inputs": [tensor(parameters={"binary_data_size": 9})]},
    "an unknown output": {"inputs": [tensor()], "outputs": [{"name": "logits"}]},
    "an output twice": {"inputs": [tensor()], "outputs": [{"name": "class"}] * 2},
}


# Bodies that are no JSON of the protocol, for the reader rather than for the model.
JSON: dict[str, bytes] = {
    "nothing": b"",
    "half an object": b"{",
    "no UTF-8": b"\xff\xfe",
    "a million lists in one another": b'{"inputs":' + b"[" * 1_000_000,
    "a million empty lists": b'{"inputs":[{"shape":[1,1,1,1],"data":[' + b"[]," * 1_000_000 + b"0]}]}",
    "two million wrong outputs": b'{"inputs":[],"outputs":[' + b"1," * 2_000_000 + b"1]}",
    "a million wrong sizes": b'{"inputs":[{"shape":[' + b'"",' * 1_000_000 + b"1]}]}",
    "half a character": b'{"id":"\\ud800","inputs":[]}',
    "a number of 100,000 digits": b'{"inputs":[' + b"9" * 100_000 + b"]}",
    "five megabytes": b" " * (5 << 20),
}
# What is no HTTP/1.1.
BROKEN: dict[str, bytes] = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00" + bytes(100),
    "no version": b"GET /\r\n\r\n",
    "zero in the path": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a head of 200 kB": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: " + b"b" * 200_000 + b"\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "a negative length": POST + b"Content-Length: -5\r\n\r\n",
    "no chunk size": POST + CHUNKED + b"zz\r\nhello\r\n",
    "a chunk too long": POST + CHUNKED + b"5\r\nhelloXX5\r\n",
    "a chunk size of 84 bits": POST + CHUNKED + b"fffffffffffffffffffff\r\n",
    "both framings": V2 + b"Content-Length: 5\r\n" + CHUNKED + b"0\r\n\r\n",
    "both framings and no chunk size": V2 + b"Content-Length: 5\r\n" + CHUNKED + b"zz\r\n",
    "a head of 90 kB in short lines": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 15_000 + b"\r\n",
    "an address of 90 kB": b"GET /" + b"a" * 90_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a chunk's name of 900 kB": V2 + CHUNKED + b"2;" + b"a" * 900_000 + b"\r\n{}\r\n0\r\n\r\n",
    "90 kB after the last chunk": V2 + CHUNKED + b"0\r\n" + b"a: b\r\n" * 15_000,
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a version to come": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "line feeds alone": b"GET / HTTP/1.1\nHost: x\n\n",
    "a header in two lines": b"GET / HTTP/1.1\r\nHost: x\r\na: b\r\n c: d\r\n\r\n",
    "a coding before the chunks": V2 + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two codings": V2 + b"Transfer-Encoding: chunked\r\n" + CHUNKED + b"0\r\n\r\n",
    "no address": b"CONNECT a:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no chunk size, waited for": POST + b"Expect: 100-continue\r\n" + CHUNKED + b"zz\r\n",
    "a body and no chunk size": V2 + CHUNKED + b"20000\r\n" + b"x" * 0x20000 + b"\r\nzz\r\n" + b"x" * 900_000,
    "chunks of HTTP/1.0": V2.replace(b"HTTP/1.1", b"HTTP/1.0") + CHUNKED + b"0\r\n\r\n",
}
