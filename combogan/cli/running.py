"""Carries out a run: messages before and after it, and what Ctrl-C and SIGTERM do."""

from __future__ import annotations

import shlex
import signal

import click

from combogan.runs.progress import LiveReport, PlainReport
from combogan.runs.signals import StopSignals
from combogan.training.trainer import Trainer

STOP_CODES: dict[int, int] = {signal.SIGINT: 130, signal.SIGTERM: 143}


def carry_out(trainer: Trainer, report: PlainReport | LiveReport) -> int:
    """Train; Ctrl-C and SIGTERM finish what has begun and save. Gives the exit code."""
    click.echo(f"run: {trainer.path}")
    if trainer.iteration >= (asked := trainer.course.iterations):
        click.echo(f"{trainer.iteration:,} iterations are done, {asked:,} were asked for; --iterations trains further.")
    elif trainer.progress:
        click.echo(f"going on after {trainer.progress}")
    with report, StopSignals(report.tell) as signals:
        finished = trainer.run(signals.received)
    if not finished:
        done = f"after {trainer.progress} and saved" if trainer.progress else "before the first iteration"
        click.echo(f"Stopped {done}; go on with: combogan train --resume {shlex.quote(str(trainer.path))}")
        return STOP_CODES[signals.number or signal.SIGINT]
    click.echo(f"Trained {trainer.iteration:,} iterations.")
    for line in trainer.results():
        click.echo(line)
    return 0
