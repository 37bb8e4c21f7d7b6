"""The stage `train` as it is, stopped at the end of its first step; run by `first_step`."""

from __future__ import annotations

import importlib
import json
import os
import time
from typing import cast

STARTED = time.perf_counter()

import keras  # noqa: E402 -- its import is measured

from pipelines import train  # noqa: E402 -- as above

# The stage imports it late.
importlib.import_module("pipelines.train_run")

IMPORTED = time.perf_counter()


class _Stop(keras.callbacks.Callback):
    """Ends the process when a batch has been learnt from, and tells what took how long, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._prepared = time.perf_counter()

    def on_train_batch_end(self, _batch: int, *_more: object, **_named: object) -> None:
        now = time.perf_counter()
        parts = {
            "import": IMPORTED - STARTED,
            "decoding, network, run": self._prepared - IMPORTED,
            "first step": now - self._prepared,
        }
        print(json.dumps(parts), flush=True)
        # At once: what an interrupted training leaves and tidies is not what is measured.
        os._exit(0)


def main() -> None:
    """Run `train` with one more callback."""
    fit = keras.Model.fit

    def fit_and_stop(model: keras.Model, *arguments: object, **named: object) -> object:
        callbacks = cast(list[keras.callbacks.Callback], named["callbacks"])
        named["callbacks"] = [*callbacks, _Stop()]
        return fit(model, *arguments, **named)

    keras.Model.fit = fit_and_stop
    train.main()


if __name__ == "__main__":
    main()
