"""The pure parts of benchmarks/speed.py; the figures themselves are taken by hand."""

from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _beside_the_script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_a_row_says_how_many_times_faster_and_what_share_of_the_memory():
    from speed_table import Row

    cells = Row("iteration", ours=0.5, published=2.0, our_memory=1.5e9, published_memory=3e9, remarks="why").cells()
    assert cells == ("iteration", "2 s", "500 ms", "4.00", "3.00 GB", "1.50 GB", "0.50", "why")


def test_what_was_measured_of_ours_alone_leaves_the_rest_empty():
    from speed_table import Row

    row = Row("cold", ours=3.141, remarks="+1 s")
    assert row.cells() == ("cold", "", "3.14 s", "", "", "", "", "+1 s")
    assert row.text() == "cold: ours 3.14 s (+1 s)"


def test_the_markdown_is_a_section_with_a_line_per_row():
    from speed_table import HEADS, Row, markdown

    lines = markdown([Row("a | b", 1.0), Row("c", 2.0)], heading="Speed", about="Here.").splitlines()
    assert lines[:4] == ["## Speed", "", "Here.", ""]
    assert all(line.replace("\\|", "").count("|") == len(HEADS) + 1 for line in lines[4:])
    assert len(lines[4:]) == 4
    assert "a \\| b" in lines[6]


def test_times_are_the_median_over_all_processes_and_rounds_that_differ_are_told():
    from speed_processes import disturbed, in_turn

    told = iter([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]])
    figures = in_turn({"ours": lambda: {"seconds": next(told), "peak": 8}}, rounds=2)
    assert figures["ours"].seconds == 4.0
    assert figures["ours"].median("peak") == 8
    assert disturbed(figures) == "rounds differ by 200%"


def test_sides_take_turns():
    from speed_processes import in_turn

    order = []
    sides = {name: lambda name=name: order.append(name) or {"seconds": [1.0]} for name in "AB"}
    in_turn(sides, rounds=2)
    assert order == ["A", "B", "A", "B"]


def test_a_convolution_counts_two_operations_for_each_multiplication():
    from speed_measure import counted

    layer, image = torch.nn.Conv2d(3, 5, 3, padding=1), torch.rand(1, 3, 8, 8)
    assert counted(lambda: layer(image)) == 2 * 3 * 5 * 3 * 3 * 8 * 8


def test_an_iteration_of_tiny_networks_is_counted_whatever_compiles_them():
    from speed_measure import operations

    small = operations(preset="paper", width=2, size=16, device="cpu")["operations"]
    assert 2 < operations(preset="paper", width=4, size=16, device="cpu")["operations"] / small < 4


def test_a_checkout_is_known_by_its_networks(tmp_path):
    from speed_published import holds

    assert holds(tmp_path) is None
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "networks.py").write_text("nn.ReLU(True)")
    assert holds(tmp_path) == "paper"
    (tmp_path / "models" / "networks.py").write_text("nn.PReLU()")
    assert holds(tmp_path) == "original"
