"""What a request costs in the service, against other services: `make bench-peers`.

The peers are those of `peers.toml`, of which each lies in a folder below `--peers`; those that
do not are named on stderr. Every app is measured against bare Flask in its own environment, so
that versions of Python and Flask do not count, and then the service's ratio against the peer's,
turn by turn:

- in process: CPU of a bare JSON view within all that the app does with a request;
- gunicorn: requests a second of the app's own simplest view, with the same workers for all.

The service is to be ahead of each that writes a line for a request and names it, and level
with the others. An answer that is not a 200 ends the run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import load
from rendered import BASELINES, HOST, Rendered, UnusableError, clear, inherited, prepare
from table import Row, in_turns, parse, report

LIST = Path(__file__).with_name("peers.toml")
PEERS = Path("../peers")
PLAIN = "/plain"


@dataclass(frozen=True)
class Peer(Rendered):
    """Another service, and how its author runs it."""

    target: str = ""
    settings: dict[str, str] = field(default_factory=dict, hash=False)

    def environ(self) -> dict[str, str]:
        paths = os.pathsep.join([str(self.service), str(BASELINES)])
        return inherited() | {"PYTHONPATH": paths, "BENCHMARK_TARGET": self.target} | self.settings


@dataclass(frozen=True)
class App:
    """What is measured: an app of `baselines/` in its environment, and bare Flask in the same."""

    name: str
    module: str
    environment: Rendered
    bare: Rendered
    host: str
    path: str
    logs: bool = True

    def cpu(self) -> float:
        """Return what a request costs in process, over bare Flask."""
        bare = self.bare.run("meter.py", "bare", HOST, PLAIN)
        with self.named():
            said = self.environment.run("meter.py", self.module, self.host, PLAIN)
            # Some write their log where the figure is printed, at the end.
            return float(said.split()[-1]) / float(bare)

    @contextlib.contextmanager
    def served(self) -> Iterator[tuple[int, int]]:
        """Serve the app and bare Flask on the ports that are returned."""
        with contextlib.ExitStack() as stack:
            with self.named():
                app = stack.enter_context(self.environment.served(self.module))
            yield app, stack.enter_context(self.bare.served("bare"))

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Raise UnusableError with the name of the app, whatever is wrong with it."""
        try:
            yield
        except (UnusableError, load.NotOkError, OSError, ValueError, IndexError) as error:
            raise UnusableError(f"{self.name}: {error}") from error

    def rate(self, app: int, bare: int) -> float:
        """Return the requests a second on two ports, over those of bare Flask."""
        reference = load.requests_per_second(bare, HOST, load.Ask(PLAIN))
        with self.named():
            return load.requests_per_second(app, self.host, load.Ask(self.path)) / reference


def main() -> int:
    options = _options()
    try:
        peers = _peers(options.peers, options.list)
        clear()
        rows = _measured(_service(), peers, options.turns)
        told = f"{options.turns} turns, load by {load.tool()}."
        told += " Each figure is over bare Flask in the same environment."
        report(rows, title="Other services", reference="peer", told=told, write=options.write)
    except (UnusableError, load.NotOkError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    told = f"the folder with the peers ({PEERS})"
    parser.add_argument("--peers", type=Path, default=PEERS, help=told)
    parser.add_argument("--list", type=Path, default=LIST, help="what peers there are")
    return parse(parser, turns=10)


def _service() -> App:
    rendered = prepare()
    return App("service", "service", rendered, rendered, HOST, "/api/v1/about")


def _peers(folder: Path, listed: Path) -> list[App]:
    """Return the listed peers that lie in the folder, and name those that do not."""
    try:
        peers = tomllib.loads(listed.read_text(encoding="utf-8"))["peer"]
        found = [_peer(folder.absolute(), **each) for each in peers]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnusableError(f"{listed} is no list of peers: {error}") from error
    if not any(found):
        raise UnusableError(f"No peer of {listed} lies in {folder}.")
    return list(filter(None, found))


def _peer(
    root: Path,
    *,
    name: str,
    repository: str,
    revision: str,
    folder: str,
    python: str,
    target: str,
    host: str,
    path: str,
    logs: bool,
    environ: Mapping[str, str],
) -> App | None:
    """Return a peer as it is listed, or None when it does not lie below the folder `root`."""
    here, runs = root / folder, root / python
    if not (here.is_dir() and runs.is_file() and os.access(runs, os.X_OK)):
        told = f"it needs {here} and {runs}, of {repository} at {revision}"
        sys.stderr.write(f"{name} is left out: {told}.\n")
        return None
    settings = {key: value.replace("{folder}", str(here)) for key, value in environ.items()}
    peer = Peer(here, "", runs, target=target, settings=settings)
    return App(name, "peer", peer, replace(peer, settings={}), host, path, logs)


def _measured(service: App, peers: Sequence[App], turns: int) -> Iterator[Row]:
    """Yield the rows of each peer."""
    apps = (service, *peers)
    cpu = in_turns(turns, apps, App.cpu)
    with contextlib.ExitStack() as stack:
        ports = {app: stack.enter_context(app.served()) for app in apps}
        rate = in_turns(turns, apps, lambda app: app.rate(*ports[app]))
    for peer in peers:
        most, least = ("<= 1.0", ">= 1.0") if peer.logs else ("<= 1.1", ">= 0.9")
        title = f"{peer.name}{', which logs and names requests' if peer.logs else ''}:"
        yield Row(f"{title} CPU in process", cpu[peer], cpu[service], most, 2)
        yield Row(f"{title} requests/s", rate[peer], rate[service], least, 2)


if __name__ == "__main__":
    sys.exit(main())
