"""Settings from the environment, then `.env`, then defaults; and the API key.

The key is read again when its file changes, and never appears in a `repr`.
"""

import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from kie.errors import SettingsInvalid
from kie.permissions import read_plain
from kie.timing import Timing

ROOT = Path(__file__).resolve().parent.parent
API_URL = "https://api.kie.ai"
UPLOAD_URL = "https://kieai.redpandaai.co"
KEY_FILE = "config/kie_key.txt"
KEY_NAME = "KIE_API_KEY"
SMALL_FILE_BYTES = 64 * 1024
READABLE = "can be read by other users of this computer: `chmod 600` takes that away"
# Enough for about eight more pictures at 4K after references are no longer accepted.
DISK_RESERVE_MB = "200"
_SPACES = "spaces around the key, which were left out"
# What is copied along with a key: from a shell, a header, a file of settings, a text with typographic quotes.
_AROUND_A_KEY = {
    "a comment after the key, which was left out": re.compile(r"\s+(#|//).*$"),
    "quotes around the key, which were left out": re.compile("^[\"'`«»‘’‚“”„]+|[\"'`«»‘’‚“”„]+$"),
    "brackets around the key, which were left out": re.compile(r"^[{<\[(]+|[}>\])]+$"),
    "a sign after the key, which was left out": re.compile("[,;]+$"),
    "a word of a shell before the key, which was left out": re.compile(
        r"^(export|setx?|declare\s+-x|let|const|env)\s+(?=\S)", re.IGNORECASE
    ),
    "a name before the key, which was left out": re.compile(
        r"^(\$env:)?([\w .-]*(key|token|authorization)[\"'`]?\s*[=:]|\w*(key|token)\s+(?=\S))", re.IGNORECASE
    ),
    "the word Bearer before the key, which was left out": re.compile(r"^bearer([\s:]+|$)", re.IGNORECASE),
}
# Names that no proxy and no browser writes in another way.
PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


@dataclass(frozen=True)
class Key:
    """The API key, its source, and a sentence with its faults."""

    value: str = field(default="", repr=False)
    source: str = ""
    note: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether there is a key that can be sent."""
        return bool(self.value)


@dataclass(frozen=True)
class Settings:
    """The configuration. Create it with `Settings.load()`."""

    root: Path
    api_url: str
    upload_url: str
    data_dir: Path
    database_url: str = field(repr=False)  # May contain the database password.
    public_url: str  # An origin as a browser writes it, with the path below which the studio is, if any; or "".
    frame_ancestors: tuple[str, ...]
    sandbox: str
    environment_key: str = field(default="", repr=False)
    disk_reserve_bytes: int = 0
    timing: Timing = Timing()

    @classmethod
    def load(cls, root: Path = ROOT, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings of the project at `root`. Raises SettingsInvalid with the name of the setting."""
        given = os.environ if environment is None else environment
        values = {name: value for name, value in _dotenv(root / ".env").items() if value and value.strip()}
        values |= {name: value for name, value in given.items() if name.startswith("KIE_") and value.strip()}
        sandbox = values.get("KIE_SANDBOX", "").strip().lower()
        if sandbox not in ("", "0", "1"):
            raise SettingsInvalid(f"KIE_SANDBOX is {sandbox!r}; it takes 1 or 0, or nothing.")
        return cls(
            root=root,
            api_url=_url("KIE_API_URL", values.get("KIE_API_URL", API_URL)),
            upload_url=_url("KIE_UPLOAD_URL", values.get("KIE_UPLOAD_URL", UPLOAD_URL)),
            data_dir=_folder("KIE_DATA_DIR", root, values.get("KIE_DATA_DIR", "data")),
            database_url=values.get("KIE_DATABASE_URL", "").strip(),
            public_url=_public("KIE_PUBLIC_URL", values["KIE_PUBLIC_URL"]) if "KIE_PUBLIC_URL" in values else "",
            frame_ancestors=tuple(
                _origin("KIE_FRAME_ANCESTORS", each) for each in values.get("KIE_FRAME_ANCESTORS", "").split()
            ),
            sandbox=sandbox,
            environment_key=values.get(KEY_NAME, ""),
            disk_reserve_bytes=_megabytes("KIE_DISK_RESERVE_MB", values.get("KIE_DISK_RESERVE_MB", DISK_RESERVE_MB)),
        )

    @property
    def key_file(self) -> Path:
        """The path of the key file."""
        return self.root / KEY_FILE

    def key(self) -> Key:
        """Return the current key. Reads a small file each time; no network access."""
        if self.environment_key:
            return _clean(self.environment_key, f"the setting {KEY_NAME}", [])
        try:
            content, is_open = read_plain(self.key_file, SMALL_FILE_BYTES)
        except FileNotFoundError:
            return Key()
        except OSError as error:
            return Key(source=KEY_FILE, note=f"{KEY_FILE} can't be read: {error.strerror}.")
        return _clean(_decoded(content), KEY_FILE, [READABLE] if is_open else [])

    def wants_sandbox(self) -> bool:
        """Return whether to run on the sandbox: as configured, or because there is no usable key."""
        return self.sandbox == "1" or (self.sandbox == "" and not self.key().is_usable)


def _dotenv(path: Path) -> dict[str, str | None]:
    try:
        content, _ = read_plain(path, SMALL_FILE_BYTES)
        return dotenv_values(stream=io.StringIO(content.decode("utf-8-sig")))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsInvalid(f"The file .env can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsInvalid("The file .env is not UTF-8 text: save it as UTF-8.") from None


def _folder(name: str, root: Path, value: str) -> Path:
    try:
        return (root / Path(value.strip()).expanduser()).resolve()
    except (RuntimeError, ValueError):  # No home folder, or a character that is not allowed in paths.
        raise SettingsInvalid(f"{name} is {value!r}, which is no folder that can be named here.") from None


def _megabytes(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value.strip()):
        raise SettingsInvalid(f"{name} is {value!r}; it takes a whole number of megabytes.")
    return int(value) * 1_000_000


def _url(name: str, value: str) -> str:
    url = value.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        is_host = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # A port that is not a number, or an unclosed bracket.
        is_host = False
    if not is_host or re.search(r"[\s?#]", url) or "@" in parts.netloc:
        raise SettingsInvalid(
            f"{name} must be an address such as https://example.com, without a name, key or query in it."
        )
    return url


def _public(name: str, value: str) -> str:
    """Return a URL as browsers write it, with its path but no slash at the end. Raises SettingsInvalid for an odd path."""
    path = urlsplit(_url(name, value)).path
    if not PATH.fullmatch(path):
        raise SettingsInvalid(
            f"{name} has the path {path}: it takes names of letters, digits, hyphens, dots and underscores, as in "
            "https://tools.example.com/studio."
        )
    return _origin(name, value.strip().rstrip("/").removesuffix(path)) + path


def _origin(name: str, value: str) -> str:
    """Return a URL as an origin in the form of browsers: lower case, without a default port. Raises SettingsInvalid for a path."""
    parts = urlsplit(_url(name, value))
    if parts.path:
        raise SettingsInvalid(f"{name} has a path after the host: it takes a site, such as https://studio.example.com.")
    host = _host(name, parts.hostname)
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def _host(name: str, host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        labels = host.split(".")
        # Browsers treat a host whose last label is numeric as an IP address, possibly a different one.
        if all(LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit():
            return host
    else:
        if "%" not in host:
            return f"[{address.compressed}]" if address.version == 6 else address.compressed
    raise SettingsInvalid(
        f"{name} must name one host, as in https://studio.example.com: letters, digits, hyphens and dots, no wildcard "
        "(a name in other letters is written as xn--…), or an IP address."
    )


def _decoded(content: bytes) -> str:
    """Decode a key file, which Windows editors may write as UTF-16 or with a byte order mark."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        # The byte order mark is kept, so that it can be reported.
        return content.decode("utf-16-le" if content[0] == 0xFF else "utf-16-be", errors="replace")
    return content.decode("utf-8", errors="replace")


def _clean(text: str, source: str, notes: list[str]) -> Key:
    """Extract the key from a text, with a sentence of everything that was ignored or is wrong, appended to `notes`."""
    name = source if source == KEY_FILE else source[0].upper() + source[1:]
    if "\0" in text:
        return Key(source=source, note=f"{name} is no text file: put only the key into it.")
    if text.startswith("\ufeff"):
        text = text.removeprefix("\ufeff")
        notes.append("begins with an invisible byte order mark, which was left out")
    if "\r" in text:
        notes.append("has Windows line ends, which were left out")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", "//"))]
    if not lines:
        return Key(source=source, note=f"{name} is empty: put the key on its first line.")
    named = [line for line in lines if KEY_NAME in line]
    if len(lines) > 1:
        notes.append(f"has {len(lines)} lines; the {f'one with {KEY_NAME}' if named else 'first one'} is used")
    value, around = _bare((named or lines)[0])
    notes += [f"has {found}" for found in around]
    fault = _fault(value)
    if fault:
        return Key(source=source, note=f"{name} can't be used as a key: {fault}.")
    return Key(value, source, f"{name} {'; it '.join(notes)}." if notes else "")


def _bare(line: str) -> tuple[str, list[str]]:
    """Return the key in a line, and what was left out around it, in the order in which it was found."""
    value, around = line.strip(), [_SPACES] if line.strip() != line.rstrip("\r\n") else []
    before = ""
    while value != before:
        before = value
        for what, pattern in _AROUND_A_KEY.items():
            rest = pattern.sub("", value).strip()
            around += [what] if rest != value else []
            value = rest
    return value, list(dict.fromkeys(around))


def _fault(value: str) -> str:
    if value in ("", KEY_NAME):
        return "there is no key in it"
    if not re.fullmatch(r"[\x21-\x7e\s]+", value):
        return "it has characters that no key has (is it a text file with only the key in it?)"
    if re.search(r"\s", value):
        return "there is a space in the middle of it"
    if value.upper().startswith(("YOUR_API_KEY", "PASTE")):
        return "it is still the example text"
    return ""
