"""Bearer tokens (RFC 6750): a file of hashes, read again whenever it changes.

`python -m scanops.serving.tokens NAME` makes a token and the line for the file.

Hashes are plain SHA-256. A slow hash such as scrypt protects secrets that people choose, from guessing: a
token here is 256 random bits, which nobody guesses however fast the hash is, so a slow one would add nothing
but a way to keep the service busy with wrong tokens. Who steals the file learns no token from it.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import logging
import re
import secrets
from pathlib import Path

from scanops.errors import ConfigError
from scanops.serving import logs

_LINE = re.compile(r"([a-z0-9][a-z0-9_-]{0,31}):([0-9a-f]{64})")
_MOST_BYTES = 1024 * 1024
_Changed = tuple[int, int, int]


class Tokens:
    """The tokens of a file, which may be changed while the service runs.

    A line is `name:hash`; empty lines and those that begin with `#` are skipped. A name may have several
    lines, so that an old and a new token hold together while clients change over. After the start a wrong
    line is logged and the others hold; a file that is gone or cannot be read lets nobody in.

    Args:
        file: The file.

    Raises:
        ConfigError: It cannot be read, holds no token, or a line is wrong.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._state: _Changed | None = _state(file)
            self._hashes, wrong = _read(file)
        except OSError as error:
            fault = f"cannot be read ({error.strerror})"
            raise ConfigError(f"tokens {file}", fault, "Name a file of lines `name:hash`") from error
        if wrong or not self._hashes:
            fault = f"is wrong in line {wrong[0]}" if wrong else "holds no token"
            remedy = "Make lines with `python -m scanops.serving.tokens NAME`"
            raise ConfigError(f"tokens {file}", fault, remedy)

    def owner(self, token: str) -> str | None:
        """Tell whose token it is.

        Args:
            token: As presented.

        Returns:
            The name in the file; None for no token of it.
        """
        self._renew()
        presented = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        # Every hash is compared, in constant time each: how long it takes tells nothing.
        found = [name for name, known in self._hashes if hmac.compare_digest(known, presented)]
        return found[0] if found else None

    def _renew(self) -> None:
        try:
            state = _state(self._file)
            if state == self._state:
                return
            self._hashes, wrong = _read(self._file)
            self._state = state
        except OSError as error:
            if self._state is not None:
                logs.write(logging.ERROR, "tokens", fault=f"cannot be read ({error.strerror})", tokens=0)
            self._state, self._hashes = None, []
            return
        level = logging.ERROR if wrong else logging.INFO
        logs.write(level, "tokens", tokens=len(self._hashes), wrong_lines=wrong)


def make(name: str) -> tuple[str, str]:
    """Make a token of 256 random bits.

    Args:
        name: Whose it is; lower-case letters, digits, `-` and `_`.

    Returns:
        The token, and the line for the file.

    Raises:
        ConfigError: The name cannot be one.
    """
    token = secrets.token_urlsafe(32)
    line = f"{name}:{hashlib.sha256(token.encode()).hexdigest()}"
    if not _LINE.fullmatch(line):
        remedy = "Use up to 32 lower-case letters, digits, `-` and `_`"
        raise ConfigError(f"name {name!r}", "cannot name a token", remedy)
    return token, line


def _state(file: Path) -> _Changed:
    now = file.stat()
    return now.st_mtime_ns, now.st_size, now.st_ino


def _read(file: Path) -> tuple[list[tuple[str, bytes]], list[int]]:
    with file.open("rb") as opened:
        text = opened.read(_MOST_BYTES).decode("utf-8", "replace")
    hashes: list[tuple[str, bytes]] = []
    wrong: list[int] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match:
            hashes.append((match[1], bytes.fromhex(match[2])))
        else:
            wrong.append(number)
    return hashes, wrong


def main() -> None:
    """Print a new token and its line."""
    parser = argparse.ArgumentParser(prog="python -m scanops.serving.tokens", description=main.__doc__)
    parser.add_argument("name", help="whose it is")
    try:
        token, line = make(parser.parse_args().name)
    except ConfigError as error:
        parser.error(str(error))
    print(f"token, for the client alone: {token}\nline, for the file:          {line}")


if __name__ == "__main__":
    main()
