"""`flask jobs`: what an operator does with jobs that failed for good."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import click
from flask.cli import AppGroup

from .backend import dead as the_dead

group = AppGroup("jobs", help="List, replay and purge jobs that failed for good.")


@group.command()
def dead() -> None:
    """List the jobs that failed for good, the oldest first."""
    for job in the_dead.jobs():
        click.echo(f"{job.id}  {job.failed_at:%Y-%m-%d %H:%M:%S}  {job.task}  {job.error}")


@group.command()
@click.argument("job_id", type=click.UUID, required=False)
@click.option("--all", "all_", is_flag=True, help="Every job that failed.")
def replay(job_id: UUID | None, all_: bool) -> None:
    """Have a failed job done again: its mistake is mended."""
    click.echo(f"{_each(the_dead.replay, job_id, all_)} jobs are queued again.")


@group.command()
@click.argument("job_id", type=click.UUID, required=False)
@click.option("--all", "all_", is_flag=True, help="Every job that failed.")
def purge(job_id: UUID | None, all_: bool) -> None:
    """Delete a failed job: nobody will have it done again."""
    click.echo(f"{_each(the_dead.purge, job_id, all_)} jobs deleted.")


def _each(do: Callable[[str], bool], job_id: UUID | None, all_: bool) -> int:
    """Do it with a job, or with all that failed; return with how many."""
    if (job_id is None) is not all_:
        raise click.UsageError("Name a job, or say --all.")
    ids = [job.id for job in the_dead.jobs()] if job_id is None else [str(job_id)]
    done = sum(do(each) for each in ids)
    if job_id and not done:
        raise click.ClickException(f"{job_id} is no job that failed.")
    return done
