"""Ansible's default output; and a line a host for whoever only wants to know what went wrong.

Each failure of a task goes, as a line of JSON, to the file that SCANOPS_FAILURES names: host, task, whether
its arguments are bad, and the message on one line. `pipelines.hosts` ends with them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback.default import CallbackModule as Default

DOCUMENTATION = """
    name: hosts
    type: stdout
    short_description: the default output, and failures as lines of JSON
    description:
        - As ansible.builtin.default; failures go to the file that SCANOPS_FAILURES names as well.
    extends_documentation_fragment:
      - default_callback
      - result_format_callback
    requirements:
      - set as stdout in configuration
"""
ARGUMENTS = "validate_argument_spec"
LONGEST = 400


class CallbackModule(Default):
    """The default output, without the whole specification beside each bad argument."""

    CALLBACK_NAME = "hosts"

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Note a failure, and print it."""
        _note(result)
        super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Note a failure of one item of a loop, and print it."""
        _note(result)
        super().v2_runner_item_on_failed(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note a host that cannot be reached, and print it."""
        _note(result, unreachable=True)
        super().v2_runner_on_unreachable(result)


def _note(result: Any, unreachable: bool = False) -> None:
    said = result.result
    errors = said.pop("argument_errors", None)
    for part in ("argument_spec_data", "validate_args_context"):
        said.pop(part, None)
    # Whose Python type it is helps nobody.
    text = "; ".join(error.split(": <class")[0] for error in errors or [_message(said)])
    arguments = result.task.action.endswith(ARGUMENTS)
    line = {
        "host": result.host.get_name(),
        "task": "variables" if arguments else result.task.get_name().rpartition(" : ")[2],
        "unreachable": unreachable,
        "arguments": arguments,
        "code": said.get("rc"),
        "text": " ".join(text.split())[:LONGEST],
    }
    if path := os.environ.get("SCANOPS_FAILURES"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _message(said: dict[str, Any]) -> str:
    # A command's own last line says more than that its code was not zero.
    own = str(said.get("stderr") or "").strip().splitlines() if said.get("rc") else []
    return own[-1].removeprefix("error: ") if own else str(said.get("msg", "")).removeprefix("Task failed: ")
