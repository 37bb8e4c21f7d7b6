"""The stage `train` as it is, stopped at the end of its first step; run by `first_step`."""

from __future__ import annotations

import os
import time

import keras

from pipelines import train


class _Stop(keras.callbacks.Callback):
    """Ends the process when a batch has been learnt from."""

    def on_train_batch_end(self, _batch: int, *_more: object, **_named: object) -> None:
        print(f"first step after {time.process_time():.1f} s of processor time", flush=True)
        # At once: what an interrupted training leaves and tidies is not what is measured.
        os._exit(0)


def main() -> None:
    """Run `train` with one more callback."""
    fit = keras.Model.fit

    def fit_and_stop(model: keras.Model, *arguments: object, **named: object) -> object:
        named["callbacks"] = [*named["callbacks"], _Stop()]  # type: ignore[misc]
        return fit(model, *arguments, **named)

    keras.Model.fit = fit_and_stop
    train.main()


if __name__ == "__main__":
    main()
