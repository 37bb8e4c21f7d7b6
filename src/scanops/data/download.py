"""Fetch a remote file through fsspec: resumable, checked, and in place only when it is whole.

Credentials come from where each protocol's client looks for them (AWS_…, GOOGLE_APPLICATION_CREDENTIALS,
AZURE_STORAGE_…, ~/.ssh) or from fsspec's own configuration (FSSPEC_S3_ANON=true for a public bucket).
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import fsspec
from tqdm import tqdm

from scanops.digest import hash_file
from scanops.errors import ConfigError, OutsideError, VerdictError

CHUNK_BYTES = 1 << 20
_SILENCE_S = 60  # longer without a byte means that the far end is gone
_VERSION_KEYS = ("ETag", "etag", "Last-Modified", "LastModified", "last_modified", "mtime", "updated")
_MAX_NAME_BYTES = 240  # what file systems hold, with room for a suffix
_REMEDY = "Check the address, the network and your credentials, then run again: it resumes"


def is_remote(url: str) -> bool:
    """Tell a URL from a path of this machine.

    Args:
        url: A path, `file://…` or any URL that fsspec knows.

    Returns:
        False for paths and `file` URLs.
    """
    return "://" in url and not url.startswith(("file://", "local://"))


def name_of(url: str) -> str:
    """Name the file that a URL or path leads to.

    Args:
        url: A path or URL.

    Returns:
        Its last part, without a query.

    Raises:
        ConfigError: It leads to a host or a folder.
    """
    name = PurePosixPath(urlsplit(url).path if is_remote(url) else url).name
    if name in ("", "..") or len(name.encode()) > _MAX_NAME_BYTES:
        raise ConfigError(public(url), "names no file", "Give the address of the archive itself")
    return name


def public(url: str) -> str:
    """Leave out what must not reach a report or a log: passwords, tokens and signatures.

    Args:
        url: Any URL.

    Returns:
        It, without query and password; for http without the user as well, who may be a token.
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    user = "" if parts.scheme in ("http", "https") else user.partition(":")[0]
    return urlunsplit((parts.scheme, user + at * bool(user) + host, parts.path, "", ""))


def download(url: str, cache: Path, sha256: str | None) -> Path:
    """Fetch a file into the cache, or take it from there.

    A transfer that was cut off goes on where it ended, if the far end can serve a part of a file and the
    file there is still the same. A finished file is taken without asking the far end only if it is pinned.

    Args:
        url: Any URL that fsspec knows: https, s3, gs, abfs, ssh, sftp, …
        cache: Folder for finished and unfinished files.
        sha256: Expected hash, or None to believe the far end.

    Returns:
        The finished file.

    Raises:
        OutsideError: The far end, or the package for its protocol, cannot be reached.
        VerdictError: The content is not the one that was asked for.
        OSError: The disk is full.
    """
    # The same name may come from two places: the URL's hash keeps them apart.
    place = _folder_in(cache, hashlib.sha256(url.encode()).hexdigest()[:16]) / name_of(url)
    if sha256 and place.exists() and hash_file(place) == sha256:
        return place
    remote = _find(url)
    part, version = place.with_name(place.name + ".part"), place.with_name(place.name + ".version")
    known = version.read_text(encoding="utf-8") if version.exists() else None
    if known != remote.version or not (remote.dated or sha256):
        part.unlink(missing_ok=True)
        place.unlink(missing_ok=True)
    elif place.exists() and not sha256:
        return place
    version.write_text(remote.version, encoding="utf-8")
    _transfer(remote, part)
    try:
        check(part, sha256)
    except VerdictError:
        part.unlink()
        raise
    return part.replace(place)


def check(path: Path, sha256: str | None) -> str:
    """Compare a file with the hash that was pinned for it.

    Args:
        path: The file.
        sha256: Expected hash, or None to take any.

    Returns:
        The actual hash.

    Raises:
        VerdictError: They differ.
        OutsideError: The file cannot be read.
    """
    try:
        actual = hash_file(path)
    except OSError as error:
        raise OutsideError(
            str(path), f"cannot be read ({error.strerror})", "Correct its permissions"
        ) from error
    if sha256 not in (None, actual):
        raise VerdictError(
            path.name.removesuffix(".part"),
            f"has the wrong checksum: expected {sha256}, got {actual}",
            "Fetch it again, or correct sha256 of this source in params.yaml if the new content is right",
        )
    return actual


def _folder_in(cache: Path, name: str) -> Path:
    folder = cache / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OutsideError(
            f"cache {cache}",
            f"cannot be written ({error.strerror})",
            "Set SCANOPS_CACHE to a folder that can be",
        ) from error
    return folder


@dataclass(frozen=True)
class _Remote:
    url: str
    files: Any
    path: str
    size: int | None
    version: str  # what would change if the file did
    dated: bool  # False where the far end tells no more than a size


class _NoRangesError(Exception):
    """The far end cannot serve a part of a file."""


def _find(url: str) -> _Remote:
    try:
        files, path = fsspec.core.url_to_fs(url, **_options(url))
        info = files.info(path)
    except Exception as error:
        raise _unreachable(url, error) from error
    size = info.get("size")
    told = {key: str(info[key]) for key in _VERSION_KEYS if info.get(key)}
    return _Remote(url, files, path, size, json.dumps({**told, "size": size}), bool(told))


def _options(url: str) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        return {}
    import aiohttp  # noqa: PLC0415  (slow to load, and most runs fetch nothing)

    # aiohttp would end any transfer after five minutes, and unpack what a server has compressed again.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_SILENCE_S, sock_read=_SILENCE_S)
    return {"client_kwargs": {"timeout": timeout, "headers": {"Accept-Encoding": "identity"}}}


def _transfer(remote: _Remote, part: Path) -> None:
    done = part.stat().st_size if part.exists() else 0
    if done and remote.size is not None and done <= remote.size:
        try:
            _write(remote, part, done)
        except _NoRangesError:
            _write(remote, part, 0)
    else:
        _write(remote, part, 0)
    got = part.stat().st_size
    if remote.size is not None and got != remote.size:
        raise OutsideError(public(remote.url), f"ended after {got} of {remote.size} bytes", _REMEDY)


def _write(remote: _Remote, part: Path, start: int) -> None:
    name = f"fetch {PurePosixPath(part).stem}"
    with (
        part.open("r+b" if start else "wb") as target,
        tqdm(desc=name, total=remote.size, initial=start, unit="B", unit_scale=True, disable=None) as bar,
    ):
        target.seek(start)
        for chunk in _chunks(remote, start):
            target.write(chunk)
            bar.update(len(chunk))


def _chunks(remote: _Remote, start: int) -> Iterator[bytes]:
    """Read the far end; its faults are told apart here from those of this machine's disk."""
    # From the start one plain request will do, which every web server can serve.
    whole = {"block_size": 0} if not start and remote.url.startswith("http") else {}
    try:
        with remote.files.open(remote.path, "rb", **whole) as source:
            source.seek(start)
            while chunk := source.read(CHUNK_BYTES):
                yield chunk
    except ValueError as error:
        raise (_NoRangesError if start else _unreachable(remote.url, error)) from error
    except Exception as error:
        raise _unreachable(remote.url, error) from error


def _unreachable(url: str, error: Exception) -> OutsideError:
    # Each protocol's client has errors of its own, and may repeat the URL in them.
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    reason = f"{type(cause).__name__}: {cause}" if public(url) == url else type(cause).__name__
    if isinstance(error, ImportError):
        return OutsideError(
            public(url), f"needs a package that is missing ({reason})", "Install that package"
        )
    return OutsideError(public(url), f"cannot be fetched ({reason})", _REMEDY)
