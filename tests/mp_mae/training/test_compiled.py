"""`compile=true`: the whole model is one graph, and a training by it equals one without."""

import pytest
import torch
from torch import nn

from generated_mmearth import write_mmearth
from mp_mae.training.log import read_log
from pretraining_run import changed, tiny_settings, train


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_training_by_one_graph_equals_one_without(tmp_path, monkeypatch, precision):
    """The graph is run operation by operation: what inductor makes of it takes minutes."""
    graphs = []

    def run_as_it_is(graph, inputs):
        graphs.append(graph)
        return graph

    def compile_whole(model):
        model._compiled_call_impl = torch.compile(model._call_impl, backend=run_as_it_is, fullgraph=True)

    monkeypatch.setattr(nn.Module, "compile", compile_whole)
    data = write_mmearth(tmp_path / "tiles", n=12, side=16, missing=0.2)
    settings = tiny_settings(data, size="demo", precision=precision, micro_batch=2, epochs=1)
    train(settings, tmp_path / "eager")
    assert train(changed(settings, compile=True), tmp_path / "compiled").complete
    eager, compiled = (read_log(tmp_path / name / "log.jsonl") for name in ("eager", "compiled"))
    assert [record.total for record in compiled] == pytest.approx([record.total for record in eager], rel=1e-6)
    assert compiled[-1].gradient_norm == pytest.approx(eager[-1].gradient_norm, rel=1e-5)
    assert len(graphs) == 1
