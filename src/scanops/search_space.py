"""What `make compare` tries: a grid, a random search or a list, from one file and checked before any work."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError, model_validator

from scanops import config, overrides
from scanops.errors import ConfigError
from scanops.section import Section, faults

# What a candidate may change alone: the data and the way they are split are the same for all of them.
VARIED = ("imaging", "augmentation", "training", "export")
# DVC reads a change with Hydra's grammar: quotes, backslashes and ${…} mean something there.
Text = Annotated[str, Field(pattern=r"^[^'\\$\x00-\x1f]*$")]
Value = bool | int | float | Text | None
Changes = dict[str, Value]
DIGITS = 4
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")


class Range(Section):
    """Numbers to draw from: evenly, or evenly in their logarithm; whole ones between whole ends."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if self.log and self.low <= 0:
            raise ValueError("a logarithm needs numbers above 0")
        return self

    def draw(self, rng: np.random.Generator) -> int | float:
        """Draw a number within the range: a whole one, or one with four significant digits.

        Args:
            rng: Where chance comes from.
        """
        if isinstance(self.low, int) and isinstance(self.high, int):
            return self._draw_whole(self.low, self.high, rng)
        ends = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        drawn = rng.uniform(*ends)
        rounded = float(f"{math.exp(drawn) if self.log else drawn:.{DIGITS}g}")
        return min(max(rounded, self.low), self.high)

    def _draw_whole(self, low: int, high: int, rng: np.random.Generator) -> int:
        if not self.log:
            return int(rng.integers(low, high, endpoint=True))
        # Half a step beyond the ends, so that these are as likely as their neighbours.
        drawn = round(math.exp(rng.uniform(math.log(low - 0.5), math.log(high + 0.5))))
        return min(max(drawn, low), high)


class Random(Section):
    """A random search: so many candidates, each value drawn on its own."""

    samples: Annotated[int, Field(ge=1, le=1000)]
    seed: Annotated[int, Field(ge=0)] = 7
    space: Annotated[dict[str, Annotated[list[Value], Field(min_length=1)] | Range], Field(min_length=1)]


class Search(Section):
    """All of `compare.yaml`; one of `grid`, `random` and `candidates` says what is tried."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    jobs: Annotated[int, Field(ge=1, le=256)] = 1
    cores: Annotated[int, Field(ge=1, le=1024)] = 1
    base: Changes = Field(default_factory=dict)
    grid: Annotated[dict[str, Annotated[list[Value], Field(min_length=1)]], Field(min_length=1)] | None = None
    random: Random | None = None
    candidates: Annotated[list[Changes], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _is_one_search(self) -> Search:
        if sum(kind is not None for kind in (self.grid, self.random, self.candidates)) != 1:
            raise ValueError("needs exactly one of grid, random and candidates")
        for key in dict.fromkeys(key for changes in self._each() for key in changes):
            if key.partition(".")[0] not in VARIED:
                raise ValueError(
                    f"`{key}` cannot differ between candidates (only {', '.join(VARIED)}): put it under base"
                )
        return self

    def points(self) -> list[Changes]:
        """List what is tried, each once.

        Returns:
            Changes of `params.yaml` beside `base`, which they come before.
        """
        unique = {json.dumps(changes, sort_keys=True): changes for changes in self._each()}
        return list(unique.values())

    def _each(self) -> Iterator[Changes]:
        if self.grid is not None:
            for values in itertools.product(*self.grid.values()):
                yield dict(zip(self.grid, values, strict=True))
        elif self.random is not None:
            rng = np.random.default_rng(self.random.seed)
            for _ in range(self.random.samples):
                yield {key: _draw(choice, rng) for key, choice in self.random.space.items()}
        else:
            yield from self.candidates or ()


def parse(values: Mapping[str, Any], origin: str) -> Search:
    """Check a search.

    Args:
        values: The mapping read from YAML.
        origin: What to call it in a message.

    Returns:
        The search.

    Raises:
        ConfigError: A key is unknown or missing, or a value is out of range; all faults are listed.
    """
    try:
        return Search.model_validate(values)
    except ValidationError as error:
        raise ConfigError(origin, faults(error), "docs/models.md shows each form of a search") from error


def configure(params: dict[str, Any], changes: Changes) -> config.Config:
    """Apply changes to raw parameters, and check what comes out.

    Args:
        params: The mapping read from `params.yaml`.
        changes: Keys with their sections, and values.

    Returns:
        The configuration.

    Raises:
        ConfigError: A key is unknown, or a value is out of range.
    """
    told = " ".join(words(changes)) or "no change"
    # JSON is YAML: no value changes its type on the way.
    texts = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in changes.items()]
    return config.parse(overrides.apply(params, texts), f"params.yaml with {told}")


def words(changes: Changes) -> list[str]:
    """Write changes as DVC's `--set-param` takes them.

    Args:
        changes: Keys with their sections, and values.

    Returns:
        `key=value` each; a text that could be taken for something else is quoted.
    """
    return [f"{key}={_word(value)}" for key, value in changes.items()]


def _word(value: Value) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    plain = PLAIN.fullmatch(value) and value.casefold() not in ("true", "false", "null", "nan", "inf")
    return value if plain else f"'{value}'"


def _draw(choice: list[Value] | Range, rng: np.random.Generator) -> Value:
    return choice.draw(rng) if isinstance(choice, Range) else choice[int(rng.integers(len(choice)))]
