"""Run the whole pipeline: `dvc repro`, or `dvc exp run` where parameters are changed.

The exit code is that of the stage that ended the run: 0 done, 2 bad configuration, 3 the data or the
model failed a verdict, 4 an outside part is missing, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from pipelines import entry_point
from scanops import config, overrides
from scanops.evaluation import gate
from scanops.release import engine_setup, reproduce

GATE, IMAGE = Path("reports/gate.json"), Path("reports/image.json")


def main() -> None:
    """Check the changes, run DVC, and say how it went."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "changes", nargs="*", metavar="KEY=VALUE", help="change a parameter, as in training.epochs=5"
    )
    changes = [change for text in parser.parse_args().changes for change in overrides.words(text)]
    # A wrong key or value ends the run here, before DVC writes it into params.yaml.
    config.parse(overrides.apply(config.read_yaml(Path("params.yaml")), changes))
    command = ["dvc", "exp", "run"] if changes else ["dvc", "repro"]
    code = reproduce.run([*command, *(word for change in changes for word in ("--set-param", change))])
    if not code and _image_is_gone():
        print("repro: the image is not in this engine any more; building it again")
        code = reproduce.run(["dvc", "repro", "--single-item", "--force", "image"])
    if code:
        sys.exit(code)
    print(gate.table(json.loads(GATE.read_text(encoding="utf-8"))))
    print("Start the service: make serve    Look at the pictures: plots/, or dvc plots show")


def _image_is_gone() -> bool:
    """DVC knows the report of an image, but not whether the engine still has the image."""
    engine = None if os.environ.get("SCANOPS_ENGINE") == "none" else engine_setup.answering(os.environ)
    digest = str(json.loads(IMAGE.read_text(encoding="utf-8"))["digest"])
    return engine is not None and not engine.has_image(digest)


if __name__ == "__main__":
    entry_point.run(main)
