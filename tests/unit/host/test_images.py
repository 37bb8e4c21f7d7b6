"""Images on a host, without an engine: what its client says is given."""

from __future__ import annotations

import json

import pytest
from scanops_host import engine, images
from scanops_host.faults import FaultError, outside


def test_an_image_that_goes_while_all_are_looked_at_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's clean-up does not end a deployment: the images are listed and looked at once more."""
    listed = iter(["sha256:a\nsha256:b", "sha256:a"])

    def call(*arguments: str, **_: object) -> str:
        if arguments[1] == "ls":
            return next(listed)
        if "sha256:b" in arguments:
            raise outside("docker image: Error response from daemon: No such image: sha256:b")
        return json.dumps([{"RootFS": {"Layers": ["one", "two"]}} for _ in arguments[2:]])

    monkeypatch.setattr(engine, "call", call)
    assert images._layers_here({"layers": [{"diff_id": name} for name in ("one", "two", "three")]}) == 2


def test_a_fault_of_the_engine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything else, and an image that never stops going, ends the look."""
    said = ["docker image: permission denied", "docker image: No such image: sha256:a"]
    for text in said:

        def call(*arguments: str, text: str = text, **_: object) -> str:
            if arguments[1] == "ls":
                return "sha256:a"
            raise outside(text)

        monkeypatch.setattr(engine, "call", call)
        with pytest.raises(FaultError, match=text.rpartition(": ")[2]):
            images._layers_here({"layers": []})
