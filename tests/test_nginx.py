"""The real nginx, with the files that a service ships, in front of a real gunicorn."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import daemons
import pytest
import space
import trustme
from conftest import missing
from front import NOTES, Front, loaded, read
from helpers import free_port, run
from server import HOST, Answer, Server, Service, until
from test_boot import problem

pytestmark = pytest.mark.slow

ABOUT = "/api/v1/about"
BEHIND = {"FLASK_PROXY_HOPS": "1"}
LARGEST = 1_048_576
NOWHERE = 1  # A port at which nobody listens.
# What a client may say of where it comes from and what it came by: nothing of it is true.
FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example.net",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Protocol": "evil",
    "X-Forwarded-Server": "evil",
    "X-Forwarded-Ssl": "off",
    "X-Original-URL": "/evil",
    "X-Real-IP": "6.6.6.6",
    "X-Rewrite-URL": "/evil",
    "Forwarded": "for=6.6.6.6;host=evil.example.net;proto=http",
    "Proxy": "http://evil.example.net",
}


@dataclass
class Nginx(Front):
    """An nginx of the test's own, from the files of a service; `plain` is its port without TLS."""

    daemon: daemons.Daemon
    files: Path
    plain: int

    def lead_to(self, *ports: int) -> None:
        """Write which instances there are; a running nginx reads it when it is told to."""
        shipped = (self.files / "upstream.conf").read_text(encoding="utf-8")
        assert shipped.count("web:8000") == 1
        lines = [shipped.replace("web:8000", f"127.0.0.1:{port}") for port in ports]
        (self.daemon.folder / "upstream.conf").write_text("".join(lines), encoding="utf-8")

    def reload(self) -> None:
        assert self.daemon.process
        self.daemon.process.send_signal(signal.SIGHUP)

    def lines(self) -> list[dict[str, Any]]:
        """Return what nginx wrote of the requests that no instance answered."""
        log = (self.daemon.folder / "access.log").read_text(encoding="utf-8")
        return [json.loads(line) for line in log.splitlines()]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def front(
    request: pytest.FixtureRequest,
    authority: trustme.CA,
    rendered: Callable[[space.Answers], Path],
) -> Iterator[Callable[..., Nginx]]:
    """Return a function that starts an nginx in front of ports; all are stopped in the end."""
    if lacking := daemons.lacking("nginx"):
        missing(request, f"{lacking} cannot be found")
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    certificate = authority.issue_cert(HOST)
    files = rendered(space.presets()[0]) / "deploy"
    with contextlib.ExitStack() as started:

        def start(*ports: int, **changes: str) -> Nginx:
            plain = free_port()
            daemon = daemons.nginx(files, plain, changes)
            certificate.private_key_pem.write_to_path(str(daemon.folder / "tls_key"))
            chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
            (daemon.folder / "tls_certificate").write_bytes(chain)
            made = Nginx(daemon.port, trust, daemon, files, plain)
            made.lead_to(*ports)
            started.enter_context(daemon.for_a_while())
            return made

        yield start


@pytest.fixture(scope="module")
def service(
    installed: Callable[[space.Answers], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return a server of the first example that has one proxy in front."""
    folder = tmp_path_factory.mktemp("behind") / "service"
    with Server.of(installed(space.examples()[0]), folder, **BEHIND) as server:
        yield server
    assert not server.errors()


@pytest.fixture(scope="module")
def shipped(front: Callable[..., Nginx], service: Server) -> Nginx:
    """Return an nginx with the values that are shipped."""
    return front(service.port)


# Each client of a test is another one, so that no limit of one test is met in the next.
addresses = map("127.1.{}.{}".format, itertools.count(1), itertools.repeat(1))


@pytest.fixture
def client() -> str:
    return next(addresses)


# --- The file


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", "test is successful"),
        ("server_tokens off", "server_tokens of", 'invalid value "of"'),
        ("nodelay;", "nodelay", "invalid number of arguments"),
        ("zone=requests burst", "zone=reqests burst", 'zero size shared memory zone "reqests"'),
    ],
    ids=["shipped", "wrong value", "no semicolon", "unknown zone"],
)
def test_nginx_reads_the_file(
    front: Callable[..., Nginx], old: str, new: str, said: str, prove: Callable[[str], None]
) -> None:
    """And without a warning; a fault in it is refused."""
    daemon = front(NOWHERE).daemon
    conf = daemon.folder / "nginx.conf"
    conf.write_text(conf.read_text().replace(old, new) if old else conf.read_text())
    check = [daemon.command[0], "-t", "-c", conf]
    printed = run(*check, cwd=daemon.folder, expect=0 if not old else 1)
    assert said in printed
    assert "[warn]" not in printed
    prove("nginx.conf read or refused by nginx")


# --- What the service is told


def test_service_sees_the_client(
    shipped: Nginx, service: Server, client: str, prove: Callable[[str], None]
) -> None:
    """Its address, name and scheme; nobody else's, whatever the client says."""
    made = shipped.send("POST", NOTES, {"title": "here"}, client=client)
    forged = shipped.send("POST", NOTES, {"title": "here"}, client=client, **FORGED)
    for answer in (made, forged):
        assert answer.status == 201
        assert answer.headers["Location"] == f"{NOTES}/{answer.json['id']}"
        (line,) = service.requests(answer.request_id)
        assert line["client"] == client
        # By http there would be no such header.
        assert "max-age" in answer.headers["Strict-Transport-Security"]
    page = shipped.ask("GET", f"{NOTES}?limit=1", client=client, **FORGED)
    assert re.fullmatch(r'<\?limit=1&cursor=[^>]+>; rel="next"', page.headers["Link"])
    prove("clients behind nginx that the service knew by address and scheme")


@pytest.fixture
def echo() -> Iterator[int]:
    """Return the port of a server that answers with the headers that reached it."""

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_args: object) -> None:
            pass

    def app(environ: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
        start("200 OK", [("Content-Type", "application/json")])
        named = {k[5:]: v for k, v in environ.items() if k.startswith("HTTP_")}
        return [json.dumps(named).encode()]

    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def test_nothing_that_a_client_claims_gets_through(
    front: Callable[..., Nginx], echo: int, client: str, prove: Callable[[str], None]
) -> None:
    nginx = front(echo)
    told = {"X_FORWARDED_FOR": client, "X_FORWARDED_PROTO": "https", "HOST": HOST}
    forged = {**FORGED, "X_Forwarded_Host": "evil"}
    # Of two names the one in the address counts, and is the one that nginx checked.
    for path, host in [("/", HOST), (f"https://{HOST}/", "evil.example.net")]:
        reached = nginx.ask("GET", path, client=client, host=host, **forged).json
        assert reached.pop("X_REQUEST_ID")
        assert reached == told
    prove("headers of a client that nginx kept from the service", len(FORGED))


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [("abc-123_DEF.456", True), ("short", False), ('"},{"x":"', False), (None, False)],
    ids=["right", "short", "quotes", "none"],
)
def test_request_has_one_id(
    shipped: Nginx, service: Server, client: str, given: str | None, is_kept: bool
) -> None:
    """In the answers of the service, and in those of nginx."""
    headers = {"X-Request-ID": given} if given else {}
    answer = shipped.ask("GET", ABOUT, client=client, **headers)
    assert (answer.request_id == given) == is_kept
    assert len(service.requests(answer.request_id)) == 1
    refused = shipped.ask("GET", "/livez", client=client, **headers)
    assert (problem(refused, 404)["request_id"] == given) == is_kept


# --- What the outside does not get


@pytest.mark.parametrize(
    "path",
    ["/livez", "/readyz", "/metrics", "/livez?x=1", "//livez", "/%6civez", "/a/../livez"],
)
def test_probes_are_closed_to_the_outside(
    shipped: Nginx, service: Server, client: str, path: str, prove: Callable[[str], None]
) -> None:
    refused = shipped.ask("GET", path, client=client)
    assert problem(refused, 404)["detail"].startswith("The request was refused before")
    assert refused.headers["X-Content-Type-Options"] == "nosniff"
    assert service.ask("GET", "/readyz").status == 200
    prove("paths for the inside that nginx closed to the outside")


def test_unknown_names_get_no_answer(shipped: Nginx, client: str) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        shipped.connect(client, name="other.example.com")
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        shipped.trust.wrap_socket(
            socket.create_connection(("127.0.0.1", shipped.port)),
            server_hostname="127.0.0.1",
        )
    with pytest.raises(ConnectionResetError):
        shipped.ask("GET", ABOUT, client=client, host="other.example.com")
    with pytest.raises(ConnectionResetError):
        plainly(shipped.plain, "other.example.com", "/")


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    ],
)
def test_nonsense_gets_no_answer(shipped: Nginx, sent: bytes) -> None:
    """At neither port, as no name that is known was asked for."""
    for port in (shipped.plain, shipped.port):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(sent)
            with pytest.raises(ConnectionResetError):
                connection.recv(1000)
    assert shipped.lines()[-1]["client"] == "127.0.0.1"


def plainly(port: int, host: str, path: str) -> Answer:
    """Ask without TLS."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return read(connection)


def test_http_leads_to_https(shipped: Nginx) -> None:
    answer = plainly(shipped.plain, HOST, f"{NOTES}?q=a%20b")
    assert answer.status == 308
    assert answer.headers["Location"] == f"https://{HOST}{NOTES}?q=a%20b"
    problem(plainly(shipped.plain, f"{HOST}\r\nbad name: y", "/"), 400)


def test_old_encryption_is_refused(shipped: Nginx, client: str) -> None:
    with shipped.connect(client) as connection:
        assert connection.version() == "TLSv1.3"
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = ssl.TLSVersion.TLSv1_1
    plain = socket.create_connection(("127.0.0.1", shipped.port))
    with plain, pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        old.wrap_socket(plain, server_hostname=HOST)


# --- What a request may weigh, and how long it may take


def test_large_body_is_refused(
    shipped: Nginx, service: Server, client: str, prove: Callable[[str], None]
) -> None:
    """Before it reaches the service, at the size from which the service would refuse it."""
    note = json.dumps({"title": "large", "body": ""}).encode()
    largest = note.ljust(LARGEST)
    as_json = {"content_type": "application/json", "client": client}
    answer = shipped.ask("POST", NOTES, largest, **as_json)
    assert answer.status == 201
    refused = shipped.ask("POST", NOTES, largest + b" ", **as_json)
    problem(refused, 413)
    assert not service.requests(refused.request_id)
    with shipped.connect(client) as connection:
        head = f"POST {NOTES} HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + b"%x\r\n" % (LARGEST + 1) + largest + b" \r\n0\r\n\r\n")
        problem(read(connection), 413)
    alone = service.ask("POST", NOTES, largest + b" ", content_type="application/json")
    same = ("title", "code", "status", "type")
    assert [refused.json[k] for k in same] == [alone.json[k] for k in same]
    prove("bodies that nginx refused at the service's own limit")


@pytest.mark.parametrize(
    ("line", "header", "status"),
    [
        pytest.param(f"POST /api/{'a' * 9000} HTTP/1.1", "x: y", 414, id="long path"),
        pytest.param(f"POST {ABOUT} HTTP/1.1", f"x: {'a' * 9000}", 431, id="long header"),
        pytest.param(f"POST {ABOUT} HTTP/1.1", "bad name: y", 400, id="bad header"),
        pytest.param("POST /api/%zz HTTP/1.1", "x: y", 400, id="bad path"),
        pytest.param("POST /problem HTTP/1.1", "x: y", 404, id="internal path"),
        pytest.param(f"POST {ABOUT} HTTP/1.1", "transfer-encoding: x", 501, id="unknown coding"),
        pytest.param("TRACE / HTTP/1.1", "x: y", 405, id="method"),
        pytest.param("GET / HTTP/9.9", "x: y", 505, id="version"),
        pytest.param("nonsense", "x: y", 400, id="nonsense"),
    ],
)
def test_wrong_request_has_its_problem(
    shipped: Nginx, client: str, line: str, header: str, status: int
) -> None:
    """Also where nginx could not read what was asked for."""
    with shipped.connect(client) as connection:
        connection.sendall(f"{line}\r\nHost: {HOST}\r\n{header}\r\n\r\n".encode())
        problem(read(connection), status)


@pytest.mark.parametrize(
    ("sent", "lack"),
    [
        (b"GET / HTTP/1.1\r\nHost: api.exam", "header"),
        (b"POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 9\r\n\r\nx", "body"),
    ],
    ids=["header", "body"],
)
def test_slow_client_is_cut_off(
    front: Callable[..., Nginx],
    service: Server,
    client: str,
    sent: bytes,
    lack: str,
    prove: Callable[[str], None],
) -> None:
    """No thread of the service ever hears of it."""
    nginx = front(service.port, **{f"client_{lack}_timeout 10s": f"client_{lack}_timeout 1s"})
    before = len(service.requests())
    with nginx.connect(client) as connection:
        connection.sendall(sent)
        with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
            assert connection.recv(1000) == b""
    assert len(service.requests()) == before
    prove("slow clients that nginx cut off")


def test_client_that_asks_too_often_waits(
    shipped: Nginx, client: str, prove: Callable[[str], None]
) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: shipped.ask("GET", ABOUT, client=client), range(150)))
    refused = [answer for answer in answers if answer.status != 200]
    assert len(answers) - len(refused) > 40
    assert refused
    for answer in refused:
        assert problem(answer, 429)["code"] == "too-many-requests"
        assert answer.headers["Retry-After"] == "1"
    assert shipped.ask("GET", ABOUT, client=next(addresses)).status == 200
    prove("requests beyond a client's rate that nginx refused", len(refused))


def test_client_has_so_many_connections(shipped: Nginx, client: str) -> None:
    begun = f"POST {NOTES} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9\r\n\r\nx".encode()
    with contextlib.ExitStack() as open_:
        for _ in range(20):
            open_.enter_context(shipped.connect(client)).sendall(begun)
        until(lambda: shipped.ask("GET", ABOUT, client=client).status == 429, "the limit")
        assert shipped.ask("GET", ABOUT, client=next(addresses)).status == 200


def test_ipv6_network_is_one_client(front: Callable[..., Nginx], service: Server) -> None:
    """nginx is told of addresses here, as this machine has but one of IPv6."""
    told = "server_tokens off;\n    set_real_ip_from 127.0.0.1;\n    real_ip_header X-From;"
    nginx = front(
        service.port, **{"server_tokens off;": told, "burst=40 ": "", "rate=20r/s": "rate=1r/m"}
    )

    def status(address: str) -> int:
        return nginx.ask("GET", ABOUT, x_from=address).status

    assert [status(f"2001:db8:0:{net}::{host}") for net in (1, 2) for host in (1, 2)] == [
        200,
        429,
        200,
        429,
    ]
    assert [status(f"192.0.2.{host}") for host in (1, 2, 1)] == [200, 200, 429]


# --- What it leaves alone


def test_answers_arrive_as_the_service_made_them(
    shipped: Nginx, service: Server, client: str
) -> None:
    """A strong ETag stays one, also where the client reads gzip; no header stands twice."""
    made = shipped.send("POST", NOTES, {"title": "t" * 60, "body": "b" * 9000}, client=client)
    path = made.headers["Location"]
    read_ = shipped.ask("GET", path, client=client, accept_encoding="gzip, br")
    alone = service.ask("GET", path, X_Forwarded_Proto="https", X_Forwarded_For=client)
    assert read_.headers["ETag"] == alone.headers["ETag"]
    assert read_.headers["ETag"].startswith('"')
    own = {"X-Request-ID", "Date", "Server", "Connection"}
    assert read_.headers.keys() - own == alone.headers.keys() - own
    assert [read_.headers[k] for k in read_.headers.keys() - own] == [
        alone.headers[k] for k in read_.headers.keys() - own
    ]
    assert read_.headers["Server"] == "nginx"
    changed = {"if_match": read_.headers["ETag"], "client": client}
    assert shipped.send("PATCH", path, {"title": "new"}, **changed).status == 200


def test_headers_stand_once(shipped: Nginx, client: str) -> None:
    with shipped.connect(client) as connection:
        head = f"GET {ABOUT} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        with HTTPResponse(connection) as response:
            response.begin()
            names = [name.lower() for name, _ in response.getheaders()]
    assert "strict-transport-security" in names
    assert sorted(names) == sorted(set(names))


# --- Instances that are away


def test_nobody_at_home_is_told(front: Callable[..., Nginx], client: str) -> None:
    nginx = front(NOWHERE)
    answer = nginx.ask("GET", ABOUT, client=client)
    body = problem(answer, 502)
    assert str(NOWHERE) not in body["detail"]
    assert answer.headers["Retry-After"] == "5"
    until(nginx.lines, "a line of it")
    (line,) = nginx.lines()
    assert (line["request_id"], line["status"]) == (answer.request_id, 502)
    assert line["client"] == client


def test_one_of_two_is_away(
    front: Callable[..., Nginx], service: Server, client: str, prove: Callable[..., None]
) -> None:
    """What never left is asked of the other one, whatever the method."""
    nginx = front(NOWHERE, service.port)
    for turn in range(10):
        assert nginx.send("POST", NOTES, {"title": f"{turn}"}, client=client).status == 201
        assert nginx.ask("GET", ABOUT, client=client).status == 200
    prove("requests answered although one of two instances was away", 20)


# --- A rolling restart


def test_rolling_restart_loses_no_request(
    front: Callable[..., Nginx],
    installed: Callable[[space.Answers], Path],
    tmp_path: Path,
    prove: Callable[..., None],
) -> None:
    """As docs/proxy.md has it: out of the list, reload, drain, stop, start, back into the list."""
    url = f"sqlite:///{tmp_path}/service.db"
    program = installed(space.examples()[0])
    instances = [Service(program, tmp_path / str(number), url) for number in range(2)]
    instances[0].flask("db", "upgrade")
    with contextlib.ExitStack() as started:

        def start(service: Service) -> Server:
            server = Server(service, **BEHIND)
            started.callback(server.stop)
            return server

        servers = [start(service) for service in instances]
        nginx = front(*(server.port for server in servers))
        with loaded(nginx, 100, [f"127.2.0.{n}" for n in range(1, 51)]) as load:
            load.over.wait(1)
            for number, service in enumerate(instances):
                others = [server.port for server in servers if server is not servers[number]]
                nginx.lead_to(*others)
                nginx.reload()
                service.flask("drain", FLASK_DRAIN_SECONDS="2")
                assert servers[number].ask("GET", "/readyz").status == 503
                assert servers[number].stop() == 0
                servers[number] = start(service)
                until(lambda at=number: servers[at].ask("GET", "/readyz").status == 200, "ready")
                nginx.lead_to(*(server.port for server in servers))
                nginx.reload()
            load.over.wait(1)
        load.lost_nothing()
    prove("requests that a rolling restart left unharmed", len(load.statuses))
    prove("of them writes", load.statuses.count(201))
