"""Pictures as requests, byte for byte as they are sent."""

from __future__ import annotations

import base64
import json
from pathlib import Path

BOUNDARY = b"benchmark-boundary"


def write(images: Path, port: int, path: str, form: str) -> list[bytes]:
    """Write a request for each picture.

    Args:
        images: Folder of pictures.
        port: Of the server.
        path: Where pictures are posted there.
        form: `json`, as MLflow takes them; or the field's name in a multipart form.

    Returns:
        Head and body of each, in the order of the files' names.
    """
    return [_post(port, path, form, file.read_bytes()) for file in sorted(images.iterdir())]


def _post(port: int, path: str, form: str, data: bytes) -> bytes:
    if form == "json":
        rows = {"columns": ["image"], "data": [[base64.b64encode(data).decode()]]}
        body, kind = json.dumps({"dataframe_split": rows}).encode(), b"application/json"
    else:
        part = f'Content-Disposition: form-data; name="{form}"; filename="a.jpg"\r\n'
        head = b"--" + BOUNDARY + b"\r\n" + part.encode() + b"Content-Type: image/jpeg\r\n\r\n"
        body = head + data + b"\r\n--" + BOUNDARY + b"--\r\n"
        kind = b"multipart/form-data; boundary=" + BOUNDARY
    first = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode()
    return first + b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body)) + body
