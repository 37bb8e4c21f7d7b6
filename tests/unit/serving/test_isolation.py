"""What the service loads, and what leaves the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundles import make_bundle
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]
FORBIDDEN = (
    "tensorflow",
    "keras",
    "great_expectations",
    "mlflow",
    "dvc",
    "pandas",
    "yaml",
    "pyarrow",
    "scipy",
    "pydicom",  # only when a DICOM file comes
)


def run(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter of its own."""
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, **env}
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE_S,
    )


def test_loads_nothing_of_the_pipeline() -> None:
    """Neither TensorFlow nor any other pipeline library is loaded by the service."""
    done = run("import sys, scanops.serving.__main__; print(*sorted({m.split('.')[0] for m in sys.modules}))")
    assert done.returncode == 0, done.stderr
    assert not set(FORBIDDEN) & set(done.stdout.split())


def test_reports_nothing_to_the_runtime_s_maker(tmp_path: Path) -> None:
    """ONNX Runtime's telemetry is off: no identifier is written, no uploader is made."""
    bundle = make_bundle(tmp_path / "bundle")
    code = (
        "import scanops.serving.app, numpy as np\nfrom pathlib import Path\n"
        "from scanops.bundle.predictor import Predictor\n"
        f"Predictor(Path({str(bundle)!r})).predict(np.zeros((1, 32, 32, 3), np.uint8))"
    )
    home = tmp_path / "home"
    home.mkdir()
    # The runtime is silent under CI=true as well; the promise has to hold without it.
    done = run(code, HOME=str(home), XDG_CACHE_HOME=str(home), CI="", GITHUB_ACTIONS="")
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bundle", "nowhere"], "bundle nowhere"),
        (["--port", "0"], "port 0"),
        (["--port", "x"], "invalid int"),
    ],
)
def test_wrong_usage_ends_with_2_and_no_traceback(options: list[str], said: str) -> None:
    """A user's mistake is named in a line."""
    done = subprocess.run(
        [sys.executable, "-m", "scanops.serving", *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
