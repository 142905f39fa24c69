"""What a request costs in the service, against other services: `make bench-peers`.

The peers are those of `peers.toml`, of which each lies in a folder below `--peers`; those that
do not are named on stderr. Every app is measured against bare Flask in its own environment, so
that versions of Python and Flask do not count, and then the service's ratio against the peer's,
turn by turn:

- in process: CPU of a bare JSON view within all that the app does with a request;
- gunicorn: requests a second of the app's own simplest view, with the same settings for all.

The service is to be ahead of each that writes a line for a request and names it, and level
with those that do neither. An answer that is not a 200 ends the run.
"""

from __future__ import annotations

import argparse
import contextlib
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
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)

    def environ(self) -> dict[str, str]:
        own = {name: value.format(folder=self.service) for name, value in self.settings.items()}
        paths = {"PYTHONPATH": f"{self.service}:{BASELINES}", "BENCHMARK_TARGET": self.target}
        return inherited() | paths | own


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
        said = self.environment.run("meter.py", self.module, self.host, PLAIN)
        # Some write their log where the figure is printed, at the end.
        return float(said.split()[-1]) / float(bare)

    @contextlib.contextmanager
    def served(self) -> Iterator[tuple[int, int]]:
        """Serve the app and bare Flask on the ports that are returned."""
        with self.environment.served(self.module) as app, self.bare.served("bare") as bare:
            yield app, bare

    def rate(self, app: int, bare: int) -> float:
        """Return the requests a second on two ports, over those of bare Flask."""
        reference = load.requests_per_second(bare, HOST, load.Ask(PLAIN))
        return load.requests_per_second(app, self.host, load.Ask(self.path)) / reference


def main() -> int:
    options = _options()
    try:
        clear()
        rows = _measured([_service(), *_peers(options.peers, options.list)], options.turns)
        told = f"{options.turns} turns, load by {load.tool()}. Each figure is over bare Flask."
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
    return parse(parser, turns=12)


def _service() -> App:
    rendered = prepare()
    return App("service", "service", rendered, rendered, HOST, "/api/v1/about")


def _peers(folder: Path, listed: Path) -> list[App]:
    """Return the listed peers that lie in the folder, and name those that do not."""
    try:
        peers = tomllib.loads(listed.read_text(encoding="utf-8"))["peer"]
    except (OSError, ValueError, KeyError) as error:
        raise UnusableError(f"{listed} is no list of peers: {error}") from error
    found = []
    for each in peers:
        here = (folder / each["folder"]).absolute()
        python = folder.absolute() / each["python"]
        if not (here.is_dir() and python.exists()):
            sys.stderr.write(f"{each['name']} is left out: it needs {here} and {python}.\n")
            continue
        peer = Peer(here, "", python, target=each["target"], settings=each.get("environ", {}))
        bare = replace(peer, settings={})
        host, path, logs = (each[name] for name in ("host", "path", "logs"))
        found.append(App(each["name"], "peer", peer, bare, host, path, logs))
    if not found:
        raise UnusableError(f"No peer of {listed} lies in {folder}.")
    return found


def _measured(apps: Sequence[App], turns: int) -> Iterator[Row]:
    """Yield the rows of each peer, the first app being the service."""
    service, *peers = apps
    cpu = in_turns(turns, apps, App.cpu)
    with contextlib.ExitStack() as stack:
        ports = {app: stack.enter_context(app.served()) for app in apps}
        rate = in_turns(turns, apps, lambda app: app.rate(*ports[app]))
    for peer in peers:
        behind = "logs and names" if peer.logs else "does neither"
        most, least = ("<= 1.0", ">= 1.0") if peer.logs else ("<= 1.1", ">= 0.9")
        title = f"{peer.name}, which {behind}:"
        yield Row(f"{title} CPU in process", cpu[peer], cpu[service], most, 2)
        yield Row(f"{title} requests/s", rate[peer], rate[service], least, 2)


if __name__ == "__main__":
    sys.exit(main())
