"""Train the network on the train split, choose its best weights by the val split, track it in MLflow.

A run that was killed goes on after its last whole epoch, by what it left in SCANOPS_CACHE/training. With
training.workers above 1 it starts so many processes, on the hosts that SCANOPS_TRAIN_HOSTS names or on this
machine; where a scheduler has set TF_CONFIG, it is one of them.
"""

from __future__ import annotations

import os
import sys

from pipelines import entry_point
from scanops import config
from scanops.release.reproduce import EXIT_CODE_FILE
from scanops.training import launch, team


def main() -> None:
    """Run the stage, or start the workers that do."""
    paths = entry_point.arguments(
        __doc__,
        raw="folder of pulled images",
        splits="Parquet file of the split stage",
        model="Keras model to write",
        plots="folder of plots to write",
    )
    params = config.load(paths.params)
    workers = params.training.workers
    own = team.read(os.environ, workers)
    if workers > 1 and own is None:
        environ = {name: value for name, value in os.environ.items() if name != EXIT_CODE_FILE}
        command = [sys.executable, "-m", "pipelines.train", *sys.argv[1:]]
        if code := launch.run(command, environ, workers):
            entry_point.leave(code)
        return
    from pipelines import train_run  # noqa: PLC0415 -- loads TensorFlow, which a process that only starts others spares

    train_run.run(params, paths, own)


if __name__ == "__main__":
    entry_point.run(main)
