"""Parsing and checking of URLs that the service returns, against server-side request forgery.

    URL ── read ── resolve ── check every IP address ── addresses that may be connected to

The caller connects to the IP addresses returned here. No second parser and no second DNS lookup can then disagree
with the check.
"""

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass

LENGTH_LIMIT = 4000
PORTS = {"http": 80, "https": 443}
# Only a host, a decimal port and a path. No user, no backslash, and only ASCII letters, digits and ". _ -" in the host.
_GRAMMAR = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[0-9a-z._-]+)(?::([0-9]{1,5}))?([/?#].*)?", re.IGNORECASE)
_NAME = re.compile(r"(?!.{254})[0-9a-z_](?:[0-9a-z_-]*[0-9a-z_])?(?:\.[0-9a-z_](?:[0-9a-z_-]*[0-9a-z_])?)*")
_NAMES_OF_A_NETWORK = ("localhost", "local", "internal", "arpa")

# Source: IANA special-purpose address registries. The properties of `ipaddress` differ between patch releases of Python.
# Of IPv6 only 2000::/3 is allocated; inside it: Teredo and other protocols, documentation, 6to4 (embeds any IPv4 address).
_NO_HOST_OF_THE_WEB = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
]
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL = [
    ipaddress.ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1", "fc00::/7")
]

Resolver = Callable[[str, int], list[str]]


class AddressRefused(ValueError):
    """The address must not be connected to. The message is the reason and does not quote the address."""


@dataclass(frozen=True)
class Address:
    """A parsed URL. `host` is a lower-case name or an IP address; `target` is the path with the query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def is_ip(self) -> bool:
        """Whether the host is an IP address."""
        return _ip(self.host) is not None

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        return _bracketed(self.host) + ("" if self.port == PORTS[self.scheme] else f":{self.port}")

    def at(self, ip: str) -> str:
        """Return the URL with `ip` in place of the host."""
        return f"{self.scheme}://{_bracketed(ip)}:{self.port}{self.target}"


def read(url: str) -> Address:
    """Parse an absolute http or https URL. Raises AddressRefused when another parser could read a different host."""
    found = _GRAMMAR.fullmatch(url) if len(url) < LENGTH_LIMIT and url.isprintable() and "\\" not in url else None
    if found is None:
        raise AddressRefused("the address is not a plain web address")
    scheme, host, port, rest = found[1].lower(), found[2].lower(), found[3], found[4] or "/"
    host = host[1:-1] if host.startswith("[") else host
    if _ip(host) is None and (_looks_like_a_number(host) or not _NAME.fullmatch(host)):
        raise AddressRefused("the address names its host in a way that can be read in two ways")
    number = int(port) if port else PORTS[scheme]
    if not 0 < number < 65536:
        raise AddressRefused("the address names a port that does not exist")
    target = rest.partition("#")[0]
    return Address(scheme, host, number, target if target.startswith("/") else f"/{target}")


def resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host name, in the order of preference of the system. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in found))


def connectable(address: Address, resolver: Resolver, local_too: Callable[[], bool]) -> list[str]:
    """Return the IP addresses that may be connected to, after checking all of them. Makes at most one DNS lookup.

    `local_too` returns whether addresses of the local network are allowed. Raises AddressRefused when one address is
    not allowed or the host is unknown.
    """
    ips = _answers(address, resolver)
    if not ips:
        raise AddressRefused("the host of the address could not be found")
    if not all(is_public(ip) for ip in ips) and not (all(is_public(ip) or is_local(ip) for ip in ips) and local_too()):
        raise AddressRefused("the address points into this network, so it was not opened")
    return ips


def check_for_proxy(address: Address, resolver: Resolver, local_too: Callable[[], bool]) -> None:
    """Check an address that a proxy will open, where the proxy resolves the host. Raises AddressRefused.

    The result of the proxy's DNS lookup is not visible here, and its owner decides what it may reach. A host that only
    the proxy can resolve is therefore allowed, unless its name is reserved for local networks.
    """
    if _answers(address, resolver):
        connectable(address, resolver, local_too)
    elif "." not in address.host or address.host.rpartition(".")[2] in _NAMES_OF_A_NETWORK:
        raise AddressRefused("the address points into this network, so it was not opened")


def is_on_this_network(host: str, port: int, resolver: Resolver) -> bool:
    """Return whether all IP addresses of a host belong to this machine or to a private network."""
    ips = _answers(Address("http", host.lower(), port, "/"), resolver)
    return bool(ips) and all(is_local(ip) for ip in ips)


def is_public(ip: str) -> bool:
    """Return whether an IP address belongs to the public internet. False for text that is not an IP address."""
    address = _ip(ip)
    if isinstance(address, ipaddress.IPv6Address):
        # NAT64: a network with IPv6 only reaches IPv4 hosts by this prefix.
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _TRANSLATED else address.ipv4_mapped
        address = inner or address
    return address is not None and not any(address in network for network in _NO_HOST_OF_THE_WEB)


def is_local(ip: str) -> bool:
    """Return whether an IP address belongs to this machine or to a private network."""
    address = _ip(ip)
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return address is not None and any(address in network for network in _LOCAL)


def _answers(address: Address, resolver: Resolver) -> list[str]:
    if address.is_ip:
        return [address.host]
    try:
        return resolver(address.host, address.port)
    except (OSError, UnicodeError):
        return []


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        # IPv6 zones are not accepted: parsers treat them differently.
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def _looks_like_a_number(host: str) -> bool:
    """Return whether some parsers would read the host as an IPv4 address: 2130706433, 127.1, 0x7f.0.0.1, 0177.0.0.1."""
    return re.fullmatch(r"[0-9]*|0x[0-9a-f]*", host.rpartition(".")[2]) is not None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
