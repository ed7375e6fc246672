import pytest
from PIL import Image

from combogan.errors import StorageError
from combogan.training.board import Board


def test_curves_and_samples_can_be_read_back(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = Board(tmp_path, 0)
    line = {"iteration": 50, "rate": 2e-4, "pictures_per_second": 9.0, "losses": {"summer": {"gan": 0.25}}}
    board.logged(line)
    board.sampled(Image.new("RGB", (8, 8)), 50)
    board.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("gan/summer")] == [(50, 0.25)]
    assert events.Images("samples")[0].step == 50


def test_what_cannot_be_written_is_said(tmp_path):
    pytest.importorskip("tensorboard")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        Board(tmp_path / "file" / "board", 0)
