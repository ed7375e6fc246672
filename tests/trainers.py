"""Runs as tests begin them, and what they hear of them."""

from combogan.runs import add_domain, prepare, run
from combogan.training.checkpoint import Checkpoints
from combogan.training.report import Quiet


class Listener(Quiet):
    """Keeps what it is told; `fail_at` is an iteration that ends as suddenly as by a kill."""

    def __init__(self, fail_at=None):
        self.said, self.iterations, self.validations, self.started = [], [], [], []
        self.fail_at = fail_at

    def tell(self, message):
        self.said.append(message)

    def began(self, done, total, *, log):
        self.started.append(done)

    def advance(self, iteration, course):
        self.iterations.append(iteration)
        if iteration == self.fail_at:
            raise KeyboardInterrupt

    def validated(self, iteration, measured, *, best):
        self.validations.append((iteration, best))


def start(settings, domains, out, report=None, data=None):
    """The trainer of a new run."""
    report = report or Listener()
    return run.start(prepare.prepare(settings, domains, data=data, out=out, tell=report.tell), report)


def resume(path, changes=None, report=None, **moved):
    """The trainer of a run, or of a domain that is added, which goes on."""
    report = report or Listener()
    return run.resume(prepare.prepare_resume(path, changes or {}, tell=report.tell, **moved), report)


def onto_run(word, path, changes=None, *, data=None, report=None):
    """A domain that is to be added to a run."""
    report = report or Listener()
    return add_domain.onto_run(word, path, data=data, changes=changes or {}, tell=report.tell)


def states(path):
    """The states of the newest checkpoint of a run, which must not be damaged: part -> name -> tensor."""

    def damaged(message):
        raise AssertionError(message)

    checkpoint = Checkpoints(path / "checkpoints", keep=9).newest(damaged)
    assert checkpoint is not None
    return all_states(checkpoint)


def all_states(checkpoint):
    return {part: checkpoint.state(part) for part in checkpoint.parts}
