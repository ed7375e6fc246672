"""What Python code sees of a training: live on a terminal and in a notebook, nothing elsewhere."""

import io
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

import combogan
from combogan.runs import progress
from combogan.runs.progress import LiveReport, NotebookDisplay, PlainReport, shown
from combogan.training.report import Quiet
from combogan.training.schedule import course


def test_without_a_terminal_nothing_is_shown(tiny, tmp_path, capsys):
    combogan.train(tiny, ["summer", "winter"], out=tmp_path / "run")
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_the_commands_progress_is_shown(tiny, tmp_path, monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda: Console(file=written, force_terminal=True, width=100))
    combogan.train(tiny, ["summer", "winter"], out=tmp_path / "run")
    assert "8/8" in written.getvalue()
    assert "pictures/s" in written.getvalue()
    before = written.getvalue()
    combogan.train(tiny, ["summer", "winter"], out=tmp_path / "quiet", report=Quiet())
    assert written.getvalue() == before


def test_plain_lines_of_the_start_come_as_often_as_those_of_the_training(tiny, tmp_path, capsys):
    settings = tiny.changed({"schedule.autoencode": 7, "schedule.iterations": 7})
    combogan.train(settings, ["summer", "winter"], out=tmp_path / "run", report=PlainReport())
    lines = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    places = ["3/7", "6/7", "7/7"]
    assert lines == [f"{what} {place}" for what in ("autoencoding", "iteration") for place in places]


def test_a_report_that_was_given_is_used_as_it_is():
    mine = Quiet()
    with shown(mine) as report:
        assert report is mine


@pytest.fixture
def cell(monkeypatch):
    """The output of a notebook's cell: what was shown, one after the other."""
    outputs = []

    def display(html, display_id):
        outputs.append(html)
        return SimpleNamespace(update=outputs.append)

    fake = SimpleNamespace(display=display, HTML=str)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=fake))
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    return outputs


def test_in_a_notebook_one_output_is_replaced(cell):
    console = Console(file=io.StringIO(), force_jupyter=True)
    with LiveReport(console) as report:
        assert isinstance(report._live, NotebookDisplay)
        report.began(1, 4, log=True)
        report.logged({"losses": {"<b>": {"gan": 0.25}}, "pictures_per_second": 2.0})
    assert "starting" in cell[0]
    assert len(cell) <= 4
    assert "1/4" in cell[-1]
    assert "0.250" in cell[-1]
    assert "&lt;b&gt;" in cell[-1]


def test_the_time_left_begins_anew_after_a_start_of_as_many_iterations():
    with LiveReport(Console(file=io.StringIO(), force_terminal=True)) as report:
        report.began(300, 300, log=True)
        (task,) = report._bar.tasks
        assert task.finished
        report.advance(1, course(100, batch=1, epochs=100, decay_from=50, iterations=300, domains=2))
        assert not task.finished
        assert (task.completed, task.total) == (1, 300)
