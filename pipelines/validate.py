"""Look at every image of a folder or an archive, list what is wrong with it, and judge the whole.

Any data will do, outside DVC too: python -m pipelines.validate scans.zip --html report.html
Only new and changed files are read again. Exit code 3 when the data fail.
"""

from __future__ import annotations

from pipelines import earlier_outputs, entry_point, validate_command
from scanops import config
from scanops.data import layout, target


def main() -> None:
    """Run the stage, or the command on any folder."""
    args = validate_command.arguments(__doc__)
    with earlier_outputs.removed_on_failure(validate_command.outputs(args)):
        params = config.load(args.params)
        validate_command.require_known(args.dataset, params)
        target.require(args.path)
        # Loaded when there is something to judge: `--help` and a wrong path are answered at once.
        from pipelines import validate_run  # noqa: PLC0415

        wanted = validate_run.read_wanted(args)  # a mistake in it is told before an archive is unpacked
        with target.open_folder(args.path) as raw:
            found = layout.classify(layout.find(raw))
            validate_run.run(args, raw, found, params.validation, wanted)


if __name__ == "__main__":
    entry_point.run(main)
