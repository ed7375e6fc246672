"""What an older combogan has written still loads: a run, its packs, and a domain that was being added.

`fixtures/written-by-0.1.0` is what 0.1.0 left of `quick` in small, without pictures and charts.
"""

import shutil
from pathlib import Path

import pytest
import torch
from trainers import resume, states

from combogan.registry.registry import Registry

WRITTEN = Path(__file__).parent / "fixtures" / "written-by-0.1.0"


@pytest.fixture
def run(tmp_path):
    shutil.copytree(WRITTEN, tmp_path / "run")
    return tmp_path / "run"


def test_an_older_run_goes_on(run):
    shutil.rmtree(run / "added")
    trainer = resume(run, {"schedule.iterations": 4})
    assert trainer.iteration == 2
    assert trainer.best.iteration == 2
    for name, domain in trainer.engine.domains.items():
        state = domain.state()
        assert all(torch.equal(state[key], value) for key, value in states(run)[name].items())
    assert trainer.run()
    assert trainer.iteration == 4
    assert [message for message in trainer.journal.report.said if "pictures" in message] == []


def test_older_packs_are_verified_and_composed(run):
    registry = Registry.open(run)
    for pack in registry.packs:
        pack.verify()
    assert registry.compose("summer", "winter")(torch.zeros(1, 3, 32, 32)).shape == (1, 3, 32, 32)


def test_a_domain_that_an_older_one_was_adding_is_added(run):
    trainer = resume(run / "added" / "fall")
    assert trainer.iteration == 2
    assert trainer.run()
    assert trainer.journal.report.said == [] or all("was" in message for message in trainer.journal.report.said)
    assert Registry.open(run).compose("winter", "fall")(torch.zeros(1, 3, 32, 32)).shape == (1, 3, 32, 32)
