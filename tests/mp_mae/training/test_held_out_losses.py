"""Looks at held-out tiles of a training that compares no tiles: its own losses, on the same masks each time."""

import pytest
import torch

from generated_mmearth import write_mmearth
from mp_mae.data.crops import centre_crops
from mp_mae.data.files import open_mmearth
from mp_mae.data.loader import Loader, Request
from mp_mae.modalities import choose_modalities
from mp_mae.training.export import find_state
from mp_mae.training.log import read_log
from pretraining_run import tiny_settings, train


def test_the_log_has_the_losses_of_the_model_on_all_held_out_tiles(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=10, side=24, held_out=4, missing=0.3)
    settings = tiny_settings(data, crop=24, micro_batch=4)
    train(settings, tmp_path / "run")
    *earlier, last = [record for record in read_log(tmp_path / "run" / "log.jsonl") if record.held_out]
    assert not earlier  # it is looked at the end of a training that is shorter than `validate_every`

    model = find_state(tmp_path / "run").build_model().eval()
    files = open_mmearth(data, choose_modalities(model.config.modalities), model.config.encoder.bands)
    rows = files.rows("val")
    loader = Loader(files, capacity=4, crop=24, device=torch.device("cpu"))
    (batch,) = loader.batches([Request(rows, centre_crops(4, files.side, 24))])
    drawn = model.draw(torch.Generator().manual_seed(0), 4, 24)
    with torch.no_grad():
        report = model(*model.inputs(batch.input, batch.targets, drawn))
    expected = {name: loss.item() for name, loss in report.by_task.items() if report.n_valid[name]}
    assert last.held_out == {"loss": pytest.approx(expected, rel=1e-4)}
