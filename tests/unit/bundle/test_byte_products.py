"""Whether the processor multiplies bytes exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from scanops.bundle import bundle as bundles
from scanops.bundle import byte_products
from scanops.bundle.predictor import Predictor
from tests.bundles import make_bundle

KEY = "session.x64quantprecision"


class Saturating:
    """A made-up session: sums of two products in sixteen bits, as processors without VNNI make them."""

    def run(self, _outputs: None, given: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Multiply as `vpmaddubsw` does."""
        a, b = (given[name].astype(np.int64) for name in "ab")
        pairs = a[:, :, None] * b[None]
        halves = pairs[:, 0::2] + pairs[:, 1::2]
        return [np.clip(halves, -(2**15), 2**15 - 1).sum(axis=1)]


def test_the_graph_is_the_one_described() -> None:
    """The bytes in the module are those of one MatMulInteger."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["c"])],
        "p",
        [value("a", TensorProto.UINT8, ["m", "k"]), value("b", TensorProto.INT8, ["k", "n"])],
        [value("c", TensorProto.INT32, ["m", "n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert model.SerializeToString(deterministic=True) == byte_products.GRAPH


def test_this_processor_does_what_its_flags_say() -> None:
    """With VNNI, as far as Linux tells, sums are right."""
    info = Path("/proc/cpuinfo")
    if not info.is_file() or "vnni" not in info.read_text(encoding="utf-8"):
        pytest.skip("this processor has no VNNI, or does not say")
    assert byte_products.are_exact()


def test_saturation_is_seen() -> None:
    """A processor that overflows is told from one that does not."""
    assert not byte_products.judge(Saturating())


@pytest.mark.parametrize(
    ("precision", "exact", "asked"),
    [("int8", False, True), ("int8", True, False), ("float32", False, False)],
)
def test_the_slow_way_is_taken_only_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, exact: bool, asked: bool
) -> None:
    """It is four times slower: only eight bits on a processor that overflows take it."""
    monkeypatch.setattr(byte_products, "are_exact", lambda: exact)
    folder = make_bundle(tmp_path / "bundle")
    bundles.write(folder, bundles.read(folder).model_copy(update={"precision": precision}))
    options = Predictor(folder)._session.get_session_options()
    try:
        found = options.get_session_config_entry(KEY)
    except RuntimeError:  # the way to be told that nothing was set
        found = None
    assert found == ("1" if asked else None)
