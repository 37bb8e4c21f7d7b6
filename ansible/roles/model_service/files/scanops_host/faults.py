"""What can go wrong on a host, in two kinds that the caller tells apart."""

from __future__ import annotations


class FaultError(Exception):
    """Something that an operator can act on.

    Args:
        kind: `verdict` where the new version is to blame, `outside` for engine, disk or gateway, `usage`.
        text: Object, fault and remedy in one line.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.put_back_s: float | None = None  # how long it took to be rid of the version that caused it


def verdict(text: str) -> FaultError:
    """The version under test does not hold."""
    return FaultError("verdict", text)


def outside(text: str) -> FaultError:
    """Something around the version is missing or broken."""
    return FaultError("outside", text)


def usage(text: str) -> FaultError:
    """The command asks for what cannot be."""
    return FaultError("usage", text)
