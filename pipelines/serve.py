"""Run the service on this machine: the tested image by its digest, else the code of this environment."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from pipelines import entry_point
from scanops.errors import ConfigError, OutsideError
from scanops.release import engine_setup, handed_over, hardening
from scanops.release.engine import Engine
from scanops.serving import options as settings


def main() -> None:
    """Serve on 127.0.0.1 until interrupted."""
    args = _arguments()
    declined = os.environ.get("SCANOPS_ENGINE") == "none"
    engine = None if args.local or declined else engine_setup.answering(os.environ)
    if engine:
        _serve_image(engine, args)
    elif args.local or declined:
        _serve_from_environment(args, "as asked")
    else:
        _serve_from_environment(args, "no container engine answers")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("data/bundle"), help="for --local")
    parser.add_argument("--report", type=Path, default=Path("reports/image.json"), help="names the image")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--local", action="store_true", help="without a container")
    return parser.parse_args()


def _serve_image(engine: Engine, args: argparse.Namespace) -> None:
    try:
        digest = str(json.loads(args.report.read_text(encoding="utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            str(args.report), f"names no image ({error})", "Make it with `make repro`"
        ) from error
    if not engine.has_image(digest):
        remedy = "Build it with `make image`, or serve without a container: add --local"
        raise OutsideError(f"image {digest[7:19]}", "is not in this engine", remedy)
    given = handed_over.options(os.environ, settings.VARIABLES.values())
    print(f"http://127.0.0.1:{args.port}  image {digest[7:19]}, Ctrl-C ends it", flush=True)
    name, options = f"scanops-serve-{args.port}", hardening.run_options(engine, f"127.0.0.1:{args.port}")
    options += ["--env", f"SCANOPS_IMAGE_DIGEST={digest}", *given]  # an image cannot know its own digest
    try:
        code = engine.foreground(digest, name, options)
    except KeyboardInterrupt:
        print("stopped", flush=True)
        return
    if code:
        fault = f"ended with {code}"
        raise OutsideError(f"image {digest[7:19]}", fault, "Its output is above; is the port taken?")


def _serve_from_environment(args: argparse.Namespace, reason: str) -> None:
    print(f"http://127.0.0.1:{args.port}  from this environment ({reason}), Ctrl-C ends it", flush=True)
    command = [
        sys.executable,
        "-m",
        "scanops.serving",
        "--bundle",
        str(args.bundle),
        "--port",
        str(args.port),
    ]
    os.execv(sys.executable, command)  # noqa: S606 -- the service takes this process's place and its signals


if __name__ == "__main__":
    entry_point.run(main)
