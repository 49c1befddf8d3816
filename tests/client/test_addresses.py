"""Where results may come from: one reading of an address, and the address that was judged is the one connected to."""

import http.server
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kie.client import addresses
from kie.errors import PictureNotFetched
from tests.support.client_calls import ENDLESS_BODY, ENDLESS_CHUNK, ENDLESS_HEAD, client_of, outcome
from tests.support.fake_service import Rogue, drip, redirect
from tests.support.images import picture
from tests.support.other_programs import pass_on
from tests.support.server import free_port

PUBLIC, PUBLIC_6 = "93.184.215.14", "2606:4700::6810:84e5"
INSIDE = "points into this network"


class Names:
    """A resolver whose answers change; the last one stays. It remembers what it was asked."""

    def __init__(self, **answers: list[list[str]]):
        self._answers, self.asked = answers, []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self._answers.get(host.removesuffix(".test"), [[]])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def trap(rogue: Rogue) -> Iterator[http.server.ThreadingHTTPServer]:
    """A server on the same port of another address of this machine; `reached` is what came to it."""
    with http.server.ThreadingHTTPServer(("127.0.0.2", rogue.server_port), http.server.BaseHTTPRequestHandler) as made:
        made.reached = []
        made.process_request = lambda request, address: made.reached.append(address)
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def fetched(api: str, url: str, target: Path, resolver: addresses.Resolver, **waiting: float) -> object:
    """Fetch a result as a client of this API would, and return what came of it."""
    client = client_of(api, {"resolver": resolver}, **waiting)
    try:
        return outcome(lambda: client.fetch(url, target))
    finally:
        client.close()


# -- one reading


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:80\\@api.kie.ai/x",
        "http://api.kie.ai\\x",
        "http://api.kie.ai@127.0.0.1/",
        "http://@127.0.0.1/",
        "http://user:word@host.example/",
        "http://host.example\t/",
        "http://host.example/\r\nHost: other",
        "http://host.example:0/",
        "http://host.example:70000/",
        "http://host.example:８０/",
        "http://host.example:80:80/",
        "http://host.example./",
        "http://.host.example/",
        "http://host..example/",
        "http://%31%32%37.0.0.1/",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
        "http://ⓛocalhost/",
        "http://bücher.example/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.0.0.01/",
        "http://1.2.3.4.5/",
        "http://256.0.0.1/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[::1/",
        "http://[v1.x]/",
        "http://::1/",
        "http:///x",
        "http:host.example",
        "//host.example/",
        "ftp://host.example/",
        "http://" + "a" * 300 + ".example/",
        "http://host.example/" + "a" * 4000,
    ],
)
def test_an_address_that_could_be_read_in_two_ways_is_not_read(url: str) -> None:
    with pytest.raises(addresses.AddressRefused) as refused:
        addresses.read(url)
    assert "127" not in str(refused.value) and "example" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://tempfile.example.com/a/b.png", "tempfile.example.com", "/a/b.png"),
        ("HTTPS://Files.Example.com:443/x?y=http://z/#part", "files.example.com", "/x?y=http://z/"),
        ("http://my_bucket.s3.example.com:8080", "my_bucket.s3.example.com:8080", "/"),
        ("http://xn--bcher-kva.example?x@y", "xn--bcher-kva.example", "/?x@y"),
        ("http://[2606:4700::1]:8080/x", "[2606:4700::1]:8080", "/x"),
    ],
)
def test_a_plain_address_is_read_in_its_parts(url: str, authority: str, target: str) -> None:
    read = addresses.read(url)
    assert (read.authority, read.target) == (authority, target)


# -- which addresses are hosts of the web


@pytest.mark.parametrize(
    "ip",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.169.254", "172.31.0.1"),
        *("192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.19.0.1", "203.0.113.1", "224.0.0.1"),
        *("239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::7f00:1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1"),
        *("64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
        *("2001:db8::1", "2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd12::1", "fe80::1"),
        *("fe80::1%lo", "fec0::1", "ff02::1", "ff0e::1", "", "localhost", "127.1"),
    ],
)
def test_special_addresses_are_no_hosts_of_the_web(ip: str) -> None:
    assert not addresses.is_public(ip)


@pytest.mark.parametrize("ip", ["8.8.8.8", PUBLIC, PUBLIC_6, "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "100.128.0.1"])
def test_others_are(ip: str) -> None:
    assert addresses.is_public(ip)
    assert not addresses.is_local(ip)


# -- the judged address is the one connected to


def test_a_name_that_answers_twice_differently_leads_where_the_check_looked(
    rogue: Rogue, trap: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    names = Names(flips=[["127.0.0.1"], ["127.0.0.2"]])
    url = f"http://flips.test:{rogue.server_port}/x.png"
    assert fetched(rogue.url, url, tmp_path / "x", resolver=names) == len(rogue.picture)
    assert [seen.headers["host"] for seen in rogue.seen] == [f"flips.test:{rogue.server_port}"]
    assert names.asked == ["flips.test"]
    assert trap.reached == []


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], [PUBLIC, "127.0.0.1"], [PUBLIC_6, "fe80::1%eth0"], ["64:ff9b::7f00:1"]]
)
def test_a_name_with_one_address_inside_is_not_opened(rogue: Rogue, tmp_path: Path, answers: list[str]) -> None:
    url = f"http://mixed.test:{rogue.server_port}/x.png"
    got = fetched(f"https://{PUBLIC}", url, tmp_path / "x", resolver=Names(mixed=[answers]))
    assert type(got) is PictureNotFetched and INSIDE in got.detail
    assert rogue.seen == []


def test_a_name_that_is_not_found_is_not_opened(rogue: Rogue, tmp_path: Path) -> None:
    got = fetched(rogue.url, f"http://unknown.test:{rogue.server_port}/x.png", tmp_path / "x", resolver=Names())
    assert type(got) is PictureNotFetched and "could not be found" in got.detail
    assert rogue.seen == []


@pytest.mark.parametrize("answer", ["169.254.169.254", "224.0.0.1", "0.0.0.0", "::ffff:169.254.169.254"])
def test_not_even_an_api_on_this_network_sends_us_to_addresses_that_are_no_host(
    rogue: Rogue, tmp_path: Path, answer: str
) -> None:
    rogue.plan("result", redirect(f"http://odd.test:{rogue.server_port}/x.png"))
    got = fetched(rogue.url, f"{rogue.url}/x.png", tmp_path / "x", resolver=Names(odd=[[answer]]))
    assert type(got) is PictureNotFetched and INSIDE in got.detail
    assert len(rogue.seen) == 1


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC], []])
def test_results_on_this_network_are_for_an_api_that_is_wholly_there(
    rogue: Rogue, tmp_path: Path, answers: list[str]
) -> None:
    got = fetched("http://api.test", f"{rogue.url}/x.png", tmp_path / "x", resolver=Names(api=[answers]))
    assert (got == len(rogue.picture)) == (answers == ["127.0.0.1"])


def test_of_several_addresses_the_next_is_tried_where_nobody_listens(rogue: Rogue, tmp_path: Path) -> None:
    names = Names(several=[["127.0.0.3", "127.0.0.1"]])
    url = f"http://several.test:{rogue.server_port}/x.png"
    assert fetched(rogue.url, url, tmp_path / "x", resolver=names) == len(rogue.picture)
    assert len(rogue.seen) == 1


# -- the name stays the name


DRIPS = {"/head": ENDLESS_HEAD, "/body": ENDLESS_BODY, "/chunk": ENDLESS_CHUNK}


class Secure(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.hosts.append(self.headers["Host"])
        if self.path in DRIPS:
            drip(DRIPS[self.path])(self)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(picture())))
        self.end_headers()
        self.wfile.write(picture())

    def close(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.ThreadingHTTPServer]:
    """A server with a certificate for `pictures.test` that we trust; it keeps the names that it was asked for."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    what = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=pictures.test"]
    what += ["-addext", "subjectAltName=DNS:pictures.test", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *what], check=True, capture_output=True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Secure) as made:
        made.hosts, made.names, made.daemon_threads, made.ending = [], [], True, threading.Event()
        made.handle_error = lambda *_: None
        context.sni_callback = lambda _, name, __: made.names.append(name)
        made.socket = context.wrap_socket(made.socket, server_side=True)
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.ending.set()
        made.shutdown()
        thread.join()


@pytest.mark.parametrize("path", DRIPS)
def test_a_reply_that_drips_is_left_over_tls_too(
    secure: http.server.ThreadingHTTPServer, rogue: Rogue, tmp_path: Path, path: str
) -> None:
    url, names = f"https://pictures.test:{secure.server_port}{path}", Names(pictures=[["127.0.0.1"]])
    got = fetched(rogue.url, url, tmp_path / "x", resolver=names, read_s=2, fetch_s=0.5)
    assert (type(got), got.detail) == (PictureNotFetched, "the reply took too long")


def test_the_certificate_is_checked_against_the_name_though_an_address_is_connected_to(
    secure: http.server.ThreadingHTTPServer, rogue: Rogue, tmp_path: Path
) -> None:
    port, names = secure.server_port, Names(pictures=[["127.0.0.1"]], other=[["127.0.0.1"]])
    target = tmp_path / "x"
    assert fetched(rogue.url, f"https://pictures.test:{port}/x", target, resolver=names) == len(picture())
    assert (secure.names, secure.hosts) == (["pictures.test"], [f"pictures.test:{port}"])
    for url in (f"https://other.test:{port}/x", f"https://127.0.0.1:{port}/x"):
        got = fetched(rogue.url, url, target, resolver=names)
        assert type(got) is PictureNotFetched and got.detail == "no secure connection"
    assert secure.names[1] == "other.test"
    assert len(secure.hosts) == 1


# -- behind a proxy


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rogue]:
    """A proxy that the environment names; it answers for every host."""
    with Rogue() as running:
        for name in ("NO_PROXY", "no_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", running.url)
        yield running


def test_a_proxy_gets_the_name_also_where_only_the_proxy_can_look_it_up(proxy: Rogue, tmp_path: Path) -> None:
    names = Names(known=[[PUBLIC]])
    for name in ("known.test", "unknown.test"):
        got = fetched(f"http://{PUBLIC}", f"http://{name}/x.png", tmp_path / "x", resolver=names)
        assert got == len(proxy.picture)
    assert [seen.headers["host"] for seen in proxy.seen] == ["known.test", "unknown.test"]


@pytest.mark.parametrize(
    "host", ["inside.test", "10.0.0.1", "169.254.169.254", "[fc00::1]", "printer", "metadata.internal", "nas.local"]
)
def test_a_proxy_is_not_asked_for_what_is_inside(proxy: Rogue, tmp_path: Path, host: str) -> None:
    names = Names(inside=[["10.0.0.1"]])
    got = fetched(f"http://{PUBLIC}", f"http://{host}:{free_port()}/x.png", tmp_path / "x", resolver=names)
    assert type(got) is PictureNotFetched and INSIDE in got.detail
    assert proxy.seen == []


class Tunnel(socketserver.StreamRequestHandler):
    """A proxy that leads a CONNECT to any host to the server `to`."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with socket.create_connection(self.server.to) as line:
            back = threading.Thread(target=pass_on, args=[self.connection, line])
            back.start()
            pass_on(line, self.connection)
            back.join()


def test_over_tls_through_a_proxy_the_name_is_checked_and_a_reply_that_drips_is_left(
    secure: http.server.ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel) as tunnel:
        tunnel.to, tunnel.daemon_threads = secure.server_address, True
        threading.Thread(target=tunnel.serve_forever, args=(0.02,)).start()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{tunnel.server_address[1]}")
        api, target = f"https://{PUBLIC}", tmp_path / "x"
        assert fetched(api, "https://pictures.test/x", target, resolver=Names()) == len(picture())
        got = [
            fetched(api, f"https://pictures.test{path}", target, resolver=Names(), read_s=2, fetch_s=0.5)
            for path in DRIPS
        ]
        got.append(fetched(api, "https://other.test/x", target, resolver=Names()))
        tunnel.shutdown()
    assert [each.detail for each in got] == [*["the reply took too long"] * len(DRIPS), "no secure connection"]
