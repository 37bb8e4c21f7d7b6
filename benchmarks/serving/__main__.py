"""How fast is the service? Beside its peers and beside the limit, by turns, on one network and its pictures.

Contenders: Flask with Keras' `predict` under gunicorn, `mlflow models serve` and BentoML on the same graph,
a worker a core each, and BentoML with the one worker that it has unless told otherwise; FastAPI with nothing
but the graph; this service, in float32 and in int8, with all that it does beside (abstention, headers, log,
metrics); and the limit, a bare loop of decoding, resizing and either graph on all cores. It decodes as the
peers do, every pixel of a JPEG; beside it stands one that decodes no more than is needed, as this service.
All servers run all the time, each is sent pictures in its turn by wrk. A ratio is taken round by round. The
client has no core of its own, so every server loses to the bare loop what the client takes; the processor
time of a request leaves out the client and whatever else runs here.

The pictures are those of the 4-class set's test folder when the folder that SCANOPS_MIRROR names has it, else
phantoms. Prints the table, each figure with its bound, and the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import figures, machine, peers
from benchmarks.serving import contenders
from benchmarks.serving.contenders import Contender
from benchmarks.serving.materials import prepared, say

OURS, SMALL = "this service", "this service, int8"
LIMIT, LIMIT_SMALL, LIMIT_ALIKE = "bare loop", "bare loop, int8", "bare loop, own decoder"
LOOPS = {LIMIT: ("float32",), LIMIT_SMALL: ("int8",), LIMIT_ALIKE: ("float32", "--own-decoder")}
FLASK, PLAIN = "Flask + Keras", "plain FastAPI"
BENTO, BENTO_ONE = "BentoML", "BentoML, one worker"
HALF_ROUNDS, PEER_PICTURES = 3, 20


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", default="none", help="MobileNet trunk as a .keras file")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=6, help="of each contender in a round")
    parser.add_argument("--connections", type=int, default=16, help="enough to keep every server busy")
    parser.add_argument("--quick", action="store_true", help="two short rounds, and fewer pictures")
    parser.add_argument("--keep", type=Path, help="folder for pictures and bundles; a later run takes them")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 2, 2
    with prepared(options.keep, options.weights, quick=options.quick) as folder:
        pictures = len(list((folder / "images").iterdir()))
        print(f"{pictures} pictures, {options.connections} connections, {options.rounds} rounds")
        _measure(folder, options)
    print(machine.describe())


def _measure(folder: Path, options: argparse.Namespace) -> None:
    servers = [contenders.ours(OURS, folder / "float32"), contenders.ours(SMALL, folder / "int8")]
    servers += [contenders.flask_keras(folder / "float32"), contenders.mlflow(folder / "mlflow")]
    servers.append(contenders.plain_fastapi(folder / "float32"))
    if python := peers.install("bentoml"):
        servers.append(contenders.bentoml(BENTO, folder / "float32", python, contenders.CORES))
        servers.append(contenders.bentoml(BENTO_ONE, folder / "float32", python, 1))
    try:
        for server in servers:
            say(f"starting {server.name}")
            server.start(folder / f"{server.name}.log")
        _check_labels(folder, servers)
        found = _rounds(folder, servers, options)
        _print_table(found)
        _print_ratios(found)
        _print_alone(folder, servers[0], servers[1], found, options)
    finally:
        for server in servers:
            server.stop()


def _check_labels(folder: Path, servers: list[Contender]) -> None:
    """Have ours classify every picture, the others some: that warms up, and all have to answer alike."""
    truth = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    for server in servers:
        say(f"labels of {server.name}")
        asked = len(truth) if server.name in (OURS, SMALL, PLAIN) else min(len(truth), PEER_PICTURES)
        given = server.load(folder / "images", "--requests", str(asked), "--labels")["labels"]
        same = sum(a == b for a, b in zip(given[:asked], truth[:asked], strict=True))
        print(f"{server.name:22} {same} of {asked} labels equal to Keras'", flush=True)
        if server.name == OURS:
            print(figures.line("labels equal to Keras', share", [same / len(truth)], least=1.0))


def _rounds(
    folder: Path, servers: list[Contender], options: argparse.Namespace
) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in (*(s.name for s in servers), *LOOPS)}
    for number in range(options.rounds):
        for server in servers:
            say(f"round {number + 1} of {options.rounds}: {server.name}")
            figure = server.press(folder / "images", connections=options.connections, seconds=options.seconds)
            if figure["failures"]:
                sys.exit(f"{server.name} failed {figure['failures']} times: its log is gone, run it alone")
            found[server.name].append(figure)
        for name, (kind, *more) in LOOPS.items():
            say(f"round {number + 1} of {options.rounds}: {name}")
            found[name].append(_bare(folder, kind, options.seconds, *more))
    return found


def _bare(folder: Path, kind: str, seconds: int, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.serving.bare_loop", str(folder / kind / "model.onnx"), *more]
    done = subprocess.run(
        [*command, str(folder / "images"), "--seconds", str(seconds)],
        env={**os.environ, **contenders.tunables()},  # the limit is that of the same memory
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _print_table(found: dict[str, list[dict[str, Any]]]) -> None:
    print(f"{'':22} requests/s   p50 ms   p95 ms   / bare loop   processor ms")
    for name, rounds in sorted(found.items(), key=lambda item: -_median(item[1], "rate")):
        share = statistics.median(figures.ratios(_each(rounds, "rate"), _each(found[LIMIT], "rate")))
        times = (
            f"{_median(rounds, 'p50_ms'):8.1f} {_median(rounds, 'p95_ms'):8.1f}"
            if name not in LOOPS
            else f"{'':17}"
        )
        rate, used = _median(rounds, "rate"), _median(rounds, "cpu_ms")
        print(f"{name:22} {rate:10.1f} {times} {share:13.2f} {used:14.1f}")


def _print_ratios(found: dict[str, list[dict[str, Any]]]) -> None:
    ours = found[OURS]

    def against(name: str, key: str = "rate") -> list[float]:
        return figures.ratios(_each(ours, key), _each(found[name], key))

    print(figures.line("requests/s, this service / Flask + Keras", against(FLASK), least=10.0))
    if BENTO in found:
        # No bound: where the kernel serves both of its workers evenly it has over half of the limit.
        print(figures.line("requests/s, this service / BentoML", against(BENTO)))
        print(figures.line("requests/s, this service / BentoML, one worker", against(BENTO_ONE), least=2.4))
        print(figures.line("p95, this service / BentoML", against(BENTO, "p95_ms"), most=1.0))
    print(figures.line("requests/s, this service / mlflow models serve", against("mlflow models serve")))
    print(figures.line("p95, this service / Flask + Keras", against(FLASK, "p95_ms"), most=1.0))
    print(figures.line("requests/s, this service / plain FastAPI", against(PLAIN)))
    print(figures.line("p95, this service / plain FastAPI", against(PLAIN, "p95_ms")))
    print(figures.line("requests/s, this service / bare loop", against(LIMIT), least=0.9))
    print(figures.line(f"requests/s, this service / {LIMIT_ALIKE}", against(LIMIT_ALIKE)))
    for name in (LIMIT, BENTO, FLASK):
        if name in found:
            less = figures.ratios(_each(found[name], "cpu_ms"), _each(ours, "cpu_ms"))
            print(figures.line(f"processor time, {name} / this service", less))
    less = figures.ratios(_each(ours, "cpu_ms"), _each(found[SMALL], "cpu_ms"))
    print(figures.line("processor time, float32 / int8", less))
    small = figures.ratios(_each(found[SMALL], "rate"), _each(ours, "rate"))
    print(figures.line("requests/s, int8 / float32", small, least=1.8))
    small = figures.ratios(_each(found[LIMIT_SMALL], "rate"), _each(found[LIMIT], "rate"))
    print(figures.line("the same of the bare loops", small))


def _print_alone(
    folder: Path,
    ours: Contender,
    small: Contender,
    found: dict[str, list[dict[str, Any]]],
    options: argparse.Namespace,
) -> None:
    """What has no peer: latency at half load, memory, time until ready."""
    half, bare = [], []
    for number in range(HALF_ROUNDS):
        say(f"half load, {number + 1} of {HALF_ROUNDS}")
        rate = 0.5 * _median(found[OURS], "rate")
        load = ("--seconds", str(options.seconds), "--rate", str(rate), "--connections", "32")
        half.append(ours.load(folder / "images", *load)["p95_ms"])
        bare.append(_bare(folder, "float32", options.seconds, "--rate", str(rate))["p95_ms"])
    print(figures.line("p95 at half load, ms", half, most=15.0))
    print(figures.line("p95 of the bare loop at that pace, ms", bare))
    print(figures.line("p95 at half load, this service / bare loop", figures.ratios(half, bare)))
    print(figures.line("memory of this service, MiB", [ours.memory_mib()], most=300.0))
    print(figures.line("memory of this service in int8, MiB", [small.memory_mib()], most=300.0))
    starts = []
    for number in range(HALF_ROUNDS):
        fresh = contenders.ours(OURS, folder / "float32")
        try:
            fresh.start(folder / f"fresh-{number}.log")
            starts.append(fresh.ready_s)
        finally:
            fresh.stop()
    print(figures.line("from the start of the process to ready, s", starts, most=2.0))


def _each(rounds: list[dict[str, Any]], key: str) -> list[float]:
    return [float(figure[key]) for figure in rounds]


def _median(rounds: list[dict[str, Any]], key: str) -> float:
    return statistics.median(_each(rounds, key))


if __name__ == "__main__":
    main()
