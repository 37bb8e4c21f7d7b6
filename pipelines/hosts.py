"""Bring a promoted image to the hosts of an environment, go back, or look at them: runs one Ansible playbook.

What --more holds, and what stands after `--`, goes to ansible-playbook, such as `-- --limit rack-1 --check`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipelines import entry_point
from scanops.release import hosts_table, playbook, playbook_arguments

PLAYBOOKS = ("bootstrap", "deploy", "rollback", "status", "retire")


def main() -> None:
    """Run the playbook; then show every host, and every fault."""
    args, project = _arguments(), Path.cwd()
    playbook.require_environment(project, args.environment)
    digest = playbook_arguments.digest(args.playbook, args.digest)
    needed = args.playbook == "deploy" and not digest
    told = args.playbook in ("deploy", "status")
    promoted = playbook.promoted_if_known(args.environment, project, needed) if told else None
    digest = digest or (promoted if args.playbook == "deploy" and promoted else "")
    given = playbook_arguments.variables(digest, args.archive)
    more = playbook_arguments.with_control_node([*playbook_arguments.words(args.more), *args.rest])
    record = playbook.run(project, args.playbook, args.environment, [*given, *more])
    if record:
        print(*hosts_table.table(record, promoted), sep="\n", flush=True)
        playbook.raise_faults(record)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("playbook", choices=PLAYBOOKS)
    parser.add_argument("--environment", default="", help="a folder of ansible/inventories")
    parser.add_argument("--digest", default="", help="name@sha256:… or sha256:…; by default the ledger's")
    parser.add_argument("--archive", type=Path, help="OCI archive, for hosts without a registry")
    parser.add_argument("--more", default="", help="arguments of ansible-playbook, quoted as in a shell")
    cut = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    args = parser.parse_args(sys.argv[1:cut])
    args.rest = sys.argv[cut + 1 :]
    return args


if __name__ == "__main__":
    entry_point.run(main)
