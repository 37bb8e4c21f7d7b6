"""The real image in the real engine, seen from outside."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from PIL import Image

from scanops.bundle import bundle as bundles
from scanops.digest import hash_file
from scanops.release import base_contents, card, hardening, image_context, smoke
from scanops.release.engine import Engine
from tests.image_stage import ROOT, run_stage

MOST_ABOVE_BASE_BYTES = 200_000_000
# One worker builds, and shares what it built.
pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]


def test_the_report_names_what_was_built(stage: Path, report: dict[str, Any], engine: Engine) -> None:
    """Digest, size and hashes in the report are the engine's and the bundle's."""
    bundle_sha256 = bundles.hash_bundle(stage / "bundle")
    assert report["bundle_sha256"] == bundle_sha256
    assert report["reference"] == f"scanops:{bundle_sha256[:12]}"
    assert report["digest"] == engine.image_id(report["reference"])
    sizes = [engine.inspect(report[name])["Size"] for name in ("digest", "base")]
    assert (report["size_bytes"], report["above_base_bytes"]) == (sizes[0], sizes[0] - sizes[1])
    assert report["above_base_bytes"] <= MOST_ABOVE_BASE_BYTES
    assert report["smoke"]["predictions_match"] is True
    assert report["smoke"]["images"] == 10


def test_the_labels_lead_back_to_bundle_data_and_gate(
    stage: Path, report: dict[str, Any], engine: Engine
) -> None:
    """A host that has the image alone can trace it."""
    labels = engine.inspect(report["digest"])["Config"]["Labels"]
    assert labels["io.scanops.bundle"] == report["bundle_sha256"]
    assert labels["io.scanops.data"] == "d" * 64
    assert labels["io.scanops.gate"] == hash_file(stage / "gate.json")
    assert labels["org.opencontainers.image.revision"] == report["git_sha"]
    for name in ("title", "description", "version", "created", "base.name"):
        assert labels[f"org.opencontainers.image.{name}"]


def test_the_card_is_in_the_bundle(stage: Path, engine: Engine, container: str) -> None:
    """Whoever has the image alone can read what it is for and how good it is."""
    said = engine.call("exec", container, "python3", "-c", "print(open('bundle/model_card.md').read())")
    assert said.strip() == (stage / "card.md").read_text(encoding="utf-8").strip()


def test_the_bill_of_materials_is_what_is_in_the_image(engine: Engine, container: str) -> None:
    """The SBOM fits its schema, and names what Python and dpkg in the image name: no more, no less."""
    code = (
        "import importlib.metadata as m, json, re\n"
        "libraries = [d.name + ' ' + d.version for d in m.distributions(path=['lib'])]\n"
        "status = open('/var/lib/dpkg/status').read()\n"
        "said = {'bill': open('sbom.cdx.json').read(), 'libraries': libraries,\n"
        "        'packages': re.findall('^Package: (.+)$', status, re.M)}\n"
        "print(json.dumps(said))"
    )
    said = json.loads(engine.call("exec", container, "python3", "-c", code))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(said["bill"]) is None
    parts = json.loads(said["bill"])["components"]
    libraries = [part for part in parts if part.get("purl", "").startswith("pkg:pypi/")]
    packages = [part for part in parts if part.get("purl", "").startswith("pkg:deb/")]
    assert sorted(f"{part['name']} {part['version']}" for part in libraries) == sorted(said["libraries"])
    assert sorted(part["name"] for part in packages) == sorted(said["packages"])
    model = next(part for part in parts if part["type"] == "machine-learning-model")
    labels = engine.inspect(container, "container")["Config"]["Labels"]
    assert model["hashes"][0]["content"] == labels["io.scanops.bundle"]


def test_every_licence_that_is_listed_is_there(engine: Engine, container: str) -> None:
    """Each file that the list points to is in the image, and each library's licence is stated."""
    code = (
        "import os\nlines = open('LICENCES.txt').read().splitlines()\n"
        "paths = [line.strip() for line in lines if line.startswith('    /')]\n"
        "print(len(paths), [path for path in paths if not os.path.isfile(path)],"
        " [line for line in lines if line.endswith(': not stated')])"
    )
    count, missing = engine.call("exec", container, "python3", "-c", code).split(" ", 1)
    assert int(count) > 20
    assert missing == "[] []"


def test_runs_as_nobody_on_a_read_only_root(engine: Engine, container: str) -> None:
    """The process is uid 10001, holds no capability, gains none, and can write nowhere."""
    code = (
        "import os\n"
        "status = dict(l.split(':', 1) for l in open('/proc/1/status').read().splitlines())\n"
        "print(*status['Uid'].split(), status['CapEff'].strip(), status['NoNewPrivs'].strip())\n"
        "for folder in ('/', '/tmp', '/opt/scanops', '/etc'):\n"
        "    try:\n        open(folder + '/x', 'w')\n        print('wrote', folder)\n"
        "    except OSError:\n        pass\n"
    )
    said = engine.call("exec", container, "python3", "-c", code)
    assert said == "10001 10001 10001 10001 0000000000000000 1"


def test_holds_no_tool_to_build_or_install(engine: Engine, container: str) -> None:
    """Neither a compiler nor pip, neither TensorFlow nor any library of the pipeline."""
    tools = ["gcc", "cc", "g++", "clang", "make", "pip", "pip3", "apt-get", "perl", "curl", "wget"]
    modules = ["pip", "setuptools", "ensurepip", "tensorflow", "keras", "pandas", "mlflow", "dvc", "yaml"]
    code = (
        "import importlib.util as u, shutil\n"
        f"print([n for n in {tools} if shutil.which(n)])\nprint([n for n in {modules} if u.find_spec(n)])"
    )
    assert engine.call("exec", container, "python3", "-c", code) == "[]\n[]"


def test_holds_no_file_that_grants_root(engine: Engine, container: str) -> None:
    """No set-user-id file is in the image."""
    code = (
        "import os, stat\n"
        "print([p for d, _, fs in os.walk('/usr') for f in fs if not os.path.islink(p := os.path.join(d, f))"
        " and os.stat(p).st_mode & (stat.S_ISUID | stat.S_ISGID)])"
    )
    if engine.inspect(container, "container")["Config"]["Labels"][
        "org.opencontainers.image.base.name"
    ].startswith("scanops-base:"):
        assert engine.call("exec", container, "python3", "-c", code) == "[]"


def test_hostile_images_do_not_end_it(engine: Engine, container: str) -> None:
    """The largest images that are let in, side by side, fit the container's memory."""
    files = []
    for mode, fill in (("RGBA", (9, 200, 3, 120)), ("I;16", 500)):
        file = io.BytesIO()
        Image.new(mode, (5000, 5000), fill).save(file, "PNG")
        files.append(file.getvalue())
    port = engine.port(container, hardening.PORT)
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(smoke.predict, port, "it", [data]) for data in files * 2]
        assert [future.result()[0]["error"] for future in sent] == [None] * 4
    assert engine.inspect(container, "container")["State"]["OOMKilled"] is False


def test_says_nothing_to_its_runtime_s_maker(engine: Engine, container: str) -> None:
    """ONNX Runtime's telemetry is off in the image, whatever starts in it."""
    assert "ORT_DISABLE_TELEMETRY=1" in engine.inspect(container, "container")["Config"]["Env"]
    assert "telemetry" not in engine.logs(container).lower()


def test_the_same_content_gives_the_same_layers(
    stage: Path, report: dict[str, Any], engine: Engine, tmp_path: Path
) -> None:
    """Nothing of the clock, the folder or the engine's cache enters a layer."""
    base, version = base_contents.read(engine, report["base"]), metadata.version("scanops")
    with card.with_bundle(stage / "bundle", stage / "card.md") as shipped:
        image_context.assemble(ROOT, tmp_path, shipped, base, version)
    arguments = ["--no-cache", "--network", "none", "--quiet", "--build-arg", f"BASE={report['base']}"]
    again = engine.call("build", *arguments, str(tmp_path), extra_env=engine.builder())
    try:
        layers = [engine.inspect(one)["RootFS"]["Layers"] for one in (report["digest"], again)]
    finally:
        engine.call("image", "rm", again)
    assert layers[0] == layers[1]


def test_other_answers_than_recorded_end_with_3(stage: Path, engine: Engine) -> None:
    """An image that answers otherwise than what was evaluated does not pass, and leaves no container."""
    path = stage / "predictions.parquet"
    recorded = path.read_bytes()
    try:
        table = pd.read_parquet(path)
        table.assign(p_left=table["p_left"] + 1e-4).to_parquet(path)
        done = run_stage(stage)
        report = json.loads((stage / "image.json").read_text(encoding="utf-8"))
    finally:
        path.write_bytes(recorded)
    assert done.returncode == 3
    assert "answers differ" in done.stderr
    assert "Traceback" not in done.stderr
    assert report["smoke"]["predictions_match"] is False
    assert "scanops-smoke" not in engine.call("ps", "--all", "--format", "{{.Names}}")


def test_a_refused_bundle_builds_nothing(stage: Path, tmp_path: Path) -> None:
    """A failing verdict ends with 3 before any engine is asked."""
    gate = stage / "gate.json"
    passed = gate.read_text(encoding="utf-8")
    try:
        gate.write_text(passed.replace("pass", "fail"), encoding="utf-8")
        done = run_stage(stage)
    finally:
        gate.write_text(passed, encoding="utf-8")
    assert done.returncode == 3
    assert "nothing ships" in done.stderr
