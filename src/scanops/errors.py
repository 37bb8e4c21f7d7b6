"""One root for every fault that a user can mend, and an exit code for each class of them.

A message names the object, the fault and the remedy. Anything that is not a
`ScanopsError` is a defect of ours and keeps its traceback (exit code 1).
"""

from __future__ import annotations


class ScanopsError(Exception):
    """A fault with a remedy.

    Args:
        subject: What is at fault: a file, a parameter, a class, a host.
        fault: What is wrong with it.
        remedy: What the reader can do about it.
    """

    exit_code = 1

    def __init__(self, subject: str, fault: str, remedy: str) -> None:
        super().__init__(f"{subject}: {fault}. {remedy}")
        self.subject = subject
        self.fault = fault
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[ScanopsError], tuple[str, ...]]:
        """Survive the way between processes, which sees the message alone otherwise."""
        return type(self), (self.subject, self.fault, self.remedy)


class Told(str):
    """A note (`add_note`) for the reader of the message; other notes are for whoever reads a traceback."""

    __slots__ = ()


class ConfigError(ScanopsError):
    """Bad configuration or usage: nothing was started."""

    exit_code = 2


class VerdictError(ScanopsError):
    """The data or the model failed a verdict."""

    exit_code = 3


class OutsideError(ScanopsError):
    """A needed outside part (engine, registry, host, disk, network) is missing or unreachable."""

    exit_code = 4


class ImageError(ScanopsError):
    """One image cannot be used; `kind` is a defect kind of the manifest.

    Args:
        kind: `undecodable`, `truncated`, `unsupported` or `too_small`.
        subject: The file, or a neutral word for it where names must not be shown.
        fault: What is wrong with it.
        remedy: What the reader can do about it.
    """

    exit_code = 3

    def __init__(self, kind: str, subject: str, fault: str, remedy: str) -> None:
        super().__init__(subject, fault, remedy)
        self.kind = kind

    def __reduce__(self) -> tuple[type[ScanopsError], tuple[str, ...]]:
        """Survive the way between processes."""
        return type(self), (self.kind, self.subject, self.fault, self.remedy)
