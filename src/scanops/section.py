"""What every section of `params.yaml` shares: it is frozen, and an unknown key is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Severity = Literal["info", "quarantine", "fail"]


class Section(BaseModel):
    """The rules every section shares."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
