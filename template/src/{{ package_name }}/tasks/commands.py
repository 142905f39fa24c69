"""`flask jobs`: what an operator does with jobs."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import AppGroup

from . import service
from .models import Job, Status
from .relay import send_again

group = AppGroup("jobs", help="List, replay and purge jobs.")


@group.command("list")
@click.option("--status", type=click.Choice([str(status) for status in Status]), multiple=True)
def list_jobs(status: tuple[str, ...]) -> None:
    """List the jobs, the oldest first."""
    for job in service.list_jobs(*(Status(name) for name in status)):
        click.echo(_line(job))


@group.command()
def dead() -> None:
    """List the jobs that failed for good."""
    for job in service.list_jobs(Status.FAILED):
        click.echo(f"{_line(job)}  {job.error}")


@group.command()
@click.argument("job_id", type=click.UUID, required=False)
@click.option("--all", "all_", is_flag=True, help="Every job that failed.")
def replay(job_id: UUID | None, all_: bool) -> None:
    """Have a failed job done again: its mistake is mended."""
    if (job_id is None) is not all_:
        raise click.UsageError("Name a job, or say --all.")
    replayed = service.replay(job_id)
    if job_id and not replayed:
        raise click.ClickException(f"{job_id} is no job that failed.")
    send_again()
    click.echo(f"{replayed} jobs are queued again.")


@group.command()
def relay() -> None:
    """Send the messages that did not leave, or were lost: the scheduler does so, too."""
    click.echo(f"{send_again()} messages sent.")


@group.command()
def purge() -> None:
    """Delete the jobs that ended long ago: the scheduler does so, too."""
    click.echo(f"{service.purge()} jobs deleted.")


def _line(job: Job) -> str:
    created = f"{job.created_at:%Y-%m-%d %H:%M:%S}"
    return f"{job.id}  {job.status:9}  {created}  {job.deliveries}  {job.task}"
