"""Deploy and roll back one version on this host; playbooks call it, and so can an operator here.

Each command prints one JSON object: `ok`, and if that is false `fault` and its `kind`.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scanops_host import history, images, report, rollout
from scanops_host.faults import FaultError
from scanops_host.settings import PLACE, Settings, read

EXIT_CODES = {"verdict": 3, "outside": 4, "usage": 2}


def _lock(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    history.lock(settings, args.run, args.by, args.dead)
    return report.status(settings, args.settings)


def _unlock(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    changed = history.unlock(settings, args.run)
    return {**report.status(settings, args.settings), "changed": changed}


def _missing(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    (settings.state / "staging").mkdir(exist_ok=True)
    return {"missing": images.missing(settings, json.loads(args.plan))}


def _load(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    return {"changed": images.load(settings, json.loads(args.plan))}


def _pull(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    if args.check:
        return {"changed": not images.has(settings, images.check_digest(args.digest))}
    return {"changed": images.pull(settings, args.repository, images.check_digest(args.digest))}


def _swap(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    return rollout.swap(settings, images.check_digest(args.digest), args.run, args.check, args.alone)


def _watch(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    return rollout.watch(settings, args.digest, args.before_p95_ms)


def _keep(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    return rollout.keep(settings, args.digest, args.run, json.loads(args.details))


def _put_back(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    return rollout.put_back(settings, args.run, args.digest)


def _choose(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    return {"digest": rollout.choose_earlier(settings, args.digest)}


def _retire(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    return rollout.retire(settings, args.run)


def _status(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    return report.status(settings, args.settings)


def _rollback(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    """Go back by hand, on this host alone, with no control node in reach."""
    run = f"{os.uname().nodename}:{os.getpid()}"
    history.lock(settings, run, getpass.getuser())
    try:
        digest = rollout.choose_earlier(settings, args.digest)
        done = rollout.swap(settings, digest, run, check=False, alone=True)
        if done["switched"]:
            rollout.keep(settings, digest, run, {"reason": "rollback on the host"})
        return {**done, "digest": digest}
    finally:
        history.unlock(settings, run)


Command = Callable[[Settings, argparse.Namespace], "dict[str, Any]"]
# Name, work, options, whether it needs the lock.
COMMANDS: dict[str, tuple[Command, tuple[str, ...], bool]] = {
    "status": (_status, (), False),
    "rollback": (_rollback, ("digest",), False),
    "lock": (_lock, ("run", "by", "dead"), False),
    "unlock": (_unlock, ("run",), False),
    "missing": (_missing, ("plan",), False),
    "pull": (_pull, ("repository", "digest", "check", "run"), True),
    "load": (_load, ("plan", "run"), True),
    "choose": (_choose, ("digest",), False),
    "swap": (_swap, ("digest", "run", "check", "alone"), True),
    "watch": (_watch, ("digest", "before-p95-ms", "run"), True),
    "keep": (_keep, ("digest", "run", "details"), True),
    "put-back": (_put_back, ("run", "digest"), True),
    "retire": (_retire, ("run",), True),
}
READS = ("status", "missing", "choose")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scanops-host", description=__doc__)
    parser.add_argument("--settings", type=Path, default=PLACE)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, options, _locked) in COMMANDS.items():
        command = commands.add_parser(name)
        for option in options:
            if option in ("check", "alone"):
                command.add_argument(f"--{option}", action="store_true")
            elif option == "before-p95-ms":
                command.add_argument("--before-p95-ms", type=float, default=None)
            else:
                command.add_argument(f"--{option}", default="{}" if option == "details" else "")
    return parser


def _answer(args: argparse.Namespace) -> dict[str, Any]:
    work, _options, locked = COMMANDS[args.command]
    settings = read(args.settings)
    rollout.require_slots(settings)
    if args.command in READS or getattr(args, "check", False):
        return work(settings, args)
    with history.alone(settings):
        if locked:
            history.require_lock(settings, args.run)
        return work(settings, args)


def main() -> int:
    """Run one command.

    Returns:
        0, or 2, 3, 4 by the kind of the fault.
    """
    args = _parser().parse_args()
    try:
        answer, code = {"ok": True, "changed": False, **_answer(args)}, 0
    except FaultError as fault:
        answer = {
            "ok": False,
            "changed": fault.put_back_s is not None,
            "kind": fault.kind,
            "fault": fault.text,
        }
        answer["put_back_s"] = fault.put_back_s
        code = EXIT_CODES[fault.kind]
    answer["at"] = time.time()
    print(json.dumps(answer))
    return code


if __name__ == "__main__":
    sys.exit(main())
