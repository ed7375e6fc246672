import pytest
from PIL import Image

from combogan.errors import StorageError
from combogan.training.board import Board


def test_curves_and_samples_can_be_read_back(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = Board(tmp_path, 0)
    board.settings({"images.size": 64})
    board.figures({"gan/summer": 0.25, "run/rate": 2e-4}, 50)
    board.grid(Image.new("RGB", (8, 8)), 50)
    board.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("gan/summer")] == [(50, 0.25)]
    assert events.Images("samples")[0].step == 50
    assert b"images.size = 64" in events.Tensors("settings/text_summary")[0].tensor_proto.string_val[0]


def test_what_cannot_be_written_is_said(tmp_path):
    pytest.importorskip("tensorboard")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        Board(tmp_path / "file", 0)
