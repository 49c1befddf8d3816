"""The reverse proxies of the README, run with the README's configuration on free ports.

    block in the README ──► names, addresses, password and paths replaced ──► nginx or caddy in a folder of its own

Blocks are changed only by `replaced`, where each text to replace must occur exactly once. Below a path, they are changed as
the README says first.
"""

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from tests.support.server import ROOT, free_port
from tests.support.waiting import until

# Chromium resolves names below localhost to this machine; for the studio it is a foreign host name.
NAME = "studio.localhost"
USER, PASSWORD = "ann", "correct horse battery"
MOMENTS_S = 120

# The parts of Debian's nginx.conf that surround a site.
NGINX = """
daemon off;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/studio.conf;
}}
"""
# Loopback only, with a local certificate, without network access.
CADDY = """
{{
    admin off
    default_bind 127.0.0.1
    https_port {port}
    auto_https disable_redirects
    local_certs
    skip_install_trust
}}
"""


@dataclass(frozen=True)
class Proxy:
    """A running proxy: its port, the certificate of its authority, and the path below which the studio is."""

    port: int
    certificate: Path
    path: str = ""

    @property
    def origin(self) -> str:
        return f"https://{NAME}:{self.port}"

    @property
    def url(self) -> str:
        return self.origin + self.path

    def ask(self, path: str, method: str = "GET", headers: Mapping[str, str] = {}, body: bytes | None = None) -> int:
        """Return the status of a response. The path is sent as given, without normalisation."""
        with urllib3.HTTPSConnectionPool(
            "127.0.0.1",
            self.port,
            ca_certs=str(self.certificate),
            server_hostname=NAME,
            assert_hostname=NAME,
            retries=False,
            timeout=MOMENTS_S,
        ) as pool:
            named = {"Host": f"{NAME}:{self.port}", **headers}
            return pool.urlopen(method, path, body, named, redirect=False, preload_content=False).status


def block(language: str) -> str:
    """Return the only fenced block of the README in this language."""
    [found] = re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return found


def replaced(text: str, words: Mapping[str, str]) -> str:
    """Replace texts, each of which must occur exactly once."""
    for old, new in words.items():
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the README's example"
        text = text.replace(old, new)
    return text


@contextmanager
def caddy(folder: Path, port: int, studio_port: int, path: str = "") -> Iterator[Proxy]:
    """Run Caddy with the README's site."""
    site = block("caddy")
    if path:
        whole = re.search(r"^    reverse_proxy .*?^    }\n", site, re.DOTALL | re.MULTILINE)[0]
        words = {" /callback/*": f" {path}/callback/*", "    respond @large 413\n": "", whole: block("caddy path")}
        site = replaced(site, words)
    password = output("caddy", "hash-password", "--plaintext", PASSWORD)
    words = {"studio.example.com": NAME, "127.0.0.1:8501": f"127.0.0.1:{studio_port}", "ann HASH": f"{USER} {password}"}
    (folder / "Caddyfile").write_text(CADDY.format(port=port) + replaced(site, words))
    homes = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(folder))
    command = [program("caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    proxy = Proxy(port, folder / "caddy/pki/authorities/local/root.crt", path)
    with running(command, folder, homes, proxy):
        yield proxy


@contextmanager
def nginx(folder: Path, port: int, studio_port: int, path: str = "", host: str = "$http_host") -> Iterator[Proxy]:
    """Run nginx with the README's site, with another Host header than the README's for `host`."""
    certificate, key, users = (folder / name for name in ("site.pem", "site.key", "users"))
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    names = ("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}")
    output("openssl", "req", "-x509", *curve, *names, "-keyout", str(key), "-out", str(certificate))
    users.write_text(f"{USER}:{output('openssl', 'passwd', '-6', PASSWORD)}\n")
    site = block("nginx").replace("studio.example.com;", f"{NAME};")  # Occurs in both of its servers.
    if path:
        whole = re.search(r"^    location / .*?^    }\n", site, re.DOTALL | re.MULTILINE)[0]
        site = replaced(site, {" /callback/": f" {path}/callback/", whole: block("nginx path")})
    words = {
        "$http_host": host,
        "127.0.0.1:8501": f"127.0.0.1:{studio_port}",
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "https://studio.example.com$": f"https://{NAME}:{port}$",
        "/etc/letsencrypt/live/studio.example.com/fullchain.pem": str(certificate),
        "/etc/letsencrypt/live/studio.example.com/privkey.pem": str(key),
        "/etc/nginx/studio.users": str(users),
    }
    (folder / "studio.conf").write_text(replaced(site, words))
    user = pwd.getpwuid(os.getuid()).pw_name
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user=user))
    command = [program("nginx"), "-p", str(folder), "-c", "nginx.conf", "-e", str(folder / "error.log")]
    proxy = Proxy(port, certificate, path)
    with running(command, folder, {}, proxy):
        yield proxy


@contextmanager
def running(command: list[str], folder: Path, environment: dict[str, str], proxy: Proxy) -> Iterator[None]:
    """Run a proxy, and wait at the end until all its processes have ended."""
    log = folder / "proxy.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        until(lambda: answers(proxy) or process.poll() is not None, MOMENTS_S)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(MOMENTS_S)
        until(lambda: not is_any_left(process.pid), MOMENTS_S)


def answers(proxy: Proxy) -> bool:
    """Return whether a proxy is up and asks for authentication."""
    try:
        return proxy.certificate.exists() and proxy.ask(f"{proxy.path}/healthz") == 401
    except urllib3.exceptions.HTTPError:
        return False


def is_any_left(group: int) -> bool:
    """Return whether a process of this group is alive."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def program(name: str) -> str:
    """Return the path of a program. Tests fail without it, because they would show nothing."""
    # On Debian, servers are in /usr/sbin, which is not on the PATH of all users.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        pytest.fail(f"No {name} was found: install Debian's package {name}, or run tests/run as root, which does.")
    return found


def output(name: str, *given: str) -> str:
    """Run a program and return its output."""
    return subprocess.run([program(name), *given], check=True, capture_output=True, text=True).stdout.strip()
