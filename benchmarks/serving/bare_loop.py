"""The limit: decode, resize and run the graph in one bare loop on all cores, no server around it.

Prints the pictures a second, and the processor time of one. With --rate a picture is due at that pace, evenly
spaced, and the 95th percentile of the time from then to its answer is printed too. Run as a program of its
own; imports Pillow, NumPy and ONNX Runtime alone, unless it is to decode as this project does.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from benchmarks.serving import picture


def main() -> None:
    """Loop for a while."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graph")
    parser.add_argument("images", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--own-decoder", action="store_true", help="decode no more than the graph needs")
    given = parser.parse_args()
    decode = _own if given.own_decoder else picture.decode
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(given.graph, options, providers=["CPUExecutionProvider"])
    files = [path.read_bytes() for path in sorted(given.images.iterdir())]
    side_px = session.get_inputs()[0].shape[1]
    session.run(["probabilities"], {"image": decode(files[0], side_px)})
    cores = len(os.sched_getaffinity(0))
    began, used = time.perf_counter(), time.process_time()

    def loop(first: int) -> int:
        done = 0
        for data in itertools.islice(itertools.cycle(files), first, None, cores):
            session.run(["probabilities"], {"image": decode(data, side_px)})
            done += 1
            if time.perf_counter() - began > given.seconds:
                return done
        return done

    def answer(data: bytes, due: float) -> float:
        session.run(["probabilities"], {"image": decode(data, side_px)})
        return time.perf_counter() - due

    with ThreadPoolExecutor(cores) as pool:
        if given.rate:
            waiting = []
            for number in range(round(given.rate * given.seconds)):
                due = began + number / given.rate
                time.sleep(max(0.0, due - time.perf_counter()))
                waiting.append(pool.submit(answer, files[number % len(files)], due))
            latencies_s = [one.result() for one in waiting]
            done = len(latencies_s)
        else:
            latencies_s, done = [0.0], sum(pool.map(loop, range(cores)))
    seconds, used = time.perf_counter() - began, time.process_time() - used
    p95_ms = float(np.percentile(latencies_s, 95)) * 1e3
    print(json.dumps({"rate": done / seconds, "cpu_ms": used / done * 1e3, "p95_ms": p95_ms}))


def _own(data: bytes, side_px: int) -> npt.NDArray[np.uint8]:
    from scanops import imaging  # noqa: PLC0415 -- the limit has nothing of the project

    form = imaging.InputForm(side_px, "stretch")
    return imaging.to_input(imaging.decode(data, form=form), form)[None]


if __name__ == "__main__":
    main()
