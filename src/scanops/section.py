"""What every section of `params.yaml` shares: it is frozen, and an unknown key is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Severity = Literal["info", "quarantine", "fail"]


class Section(BaseModel):
    """The rules every section shares."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def faults(error: ValidationError) -> str:
    """Say what is wrong, each fault with its key and the value that was given.

    Args:
        error: What pydantic raised.

    Returns:
        All faults in one line.
    """
    return "; ".join(_describe(item["loc"], item["msg"], item["input"]) for item in error.errors())


def _describe(location: tuple[int | str, ...], message: str, value: object) -> str:
    key = ".".join(str(part) for part in location) or "top level"
    shown = "" if isinstance(value, dict) else f" (got {value!r})"
    return f"{key}: {message.removeprefix('Value error, ')}{shown}"
