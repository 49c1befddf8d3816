"""Key, hosts, folders: from the environment, then `.env`, then the defaults.

The key is read again whenever its file has changed, and never stands in a `repr`.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from kie.errors import SettingsInvalid

ROOT = Path(__file__).resolve().parent.parent
API_URL = "https://api.kie.ai"
UPLOAD_URL = "https://kieai.redpandaai.co"
KEY_FILE = "config/kie_key.txt"


@dataclass(frozen=True)
class Key:
    """The service's key, where it came from, and what was wrong with it, in words."""

    value: str = field(default="", repr=False)
    source: str = ""
    note: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether there is something that can be sent as a key."""
        return bool(self.value)


@dataclass(frozen=True)
class Settings:
    """What a person can set. Build it with `Settings.load()`."""

    root: Path
    api_url: str
    upload_url: str
    data_dir: Path
    database_url: str = field(repr=False)  # may hold the database's password
    public_url: str
    sandbox: str
    environment_key: str = field(default="", repr=False)

    @classmethod
    def load(cls, root: Path = ROOT, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings of the project at `root`. Raises SettingsInvalid, naming the setting."""
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
            public_url=_url("KIE_PUBLIC_URL", values["KIE_PUBLIC_URL"]) if "KIE_PUBLIC_URL" in values else "",
            sandbox=sandbox,
            environment_key=values.get("KIE_API_KEY", ""),
        )

    @property
    def key_file(self) -> Path:
        """Where the key file is looked for."""
        return self.root / KEY_FILE

    def key(self) -> Key:
        """Return the key as it stands now. Reads a small file; free of network."""
        if self.environment_key:
            return _clean(self.environment_key, "the setting KIE_API_KEY")
        try:
            content = self.key_file.read_bytes()
        except FileNotFoundError:
            return Key()
        except OSError as error:
            return Key(source=KEY_FILE, note=f"{KEY_FILE} can't be read: {error.strerror}.")
        return _clean(_decoded(content), KEY_FILE)

    def wants_sandbox(self) -> bool:
        """Whether the studio runs on the sandbox: told to, or there is no usable key."""
        return self.sandbox == "1" or (self.sandbox == "" and not self.key().is_usable)


def _dotenv(path: Path) -> dict[str, str | None]:
    try:
        return dotenv_values(path, encoding="utf-8-sig")
    except OSError as error:
        raise SettingsInvalid(f"The file .env can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsInvalid("The file .env is not UTF-8 text: save it as UTF-8.") from None


def _folder(name: str, root: Path, value: str) -> Path:
    try:
        return (root / Path(value.strip()).expanduser()).resolve()
    except (RuntimeError, ValueError):  # nobody's home, or a character that no path has
        raise SettingsInvalid(f"{name} is {value!r}, which is no folder that can be named here.") from None


def _url(name: str, value: str) -> str:
    url = value.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        is_host = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is left open
        is_host = False
    if not is_host or re.search(r"[\s?#]", url) or "@" in parts.netloc:
        raise SettingsInvalid(
            f"{name} must be an address such as https://example.com, without a name, key or query in it."
        )
    return url


def _decoded(content: bytes) -> str:
    """Decode a key file, which editors on Windows write as UTF-16 or begin with a byte order mark."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        # The mark stays in, so that it is spoken of.
        return content.decode("utf-16-le" if content[0] == 0xFF else "utf-16-be", errors="replace")
    return content.decode("utf-8", errors="replace")


def _clean(text: str, source: str) -> Key:
    """Take the key out of `text`, saying in words whatever had to be left out or is wrong with it."""
    notes = []
    if "\0" in text:
        return Key(source=source, note=f"{_capital(source)} is no text file: put only the key into it.")
    if text.startswith("\ufeff"):
        text = text.removeprefix("\ufeff")
        notes.append("begins with an invisible byte order mark, which was left out")
    if "\r" in text:
        notes.append("has Windows line ends, which were left out")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return Key(source=source, note=f"{_capital(source)} is empty: put the key on its first line.")
    if len(lines) > 1:
        notes.append(f"has {len(lines)} lines; the first one is used")
    value = lines[0].strip()
    if value != lines[0].rstrip("\r\n"):
        notes.append("has spaces around the key, which were left out")
    fault = _fault(value)
    if fault:
        return Key(source=source, note=f"{_capital(source)} can't be used as a key: {fault}.")
    return Key(value, source, f"{_capital(source)} {'; it '.join(notes)}." if notes else "")


def _fault(value: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e\s]+", value):
        return "it has characters that no key has (is it a text file with only the key in it?)"
    if re.search(r"\s", value):
        return "there is a space in the middle of it"
    if value.upper().startswith(("YOUR_API_KEY", "PASTE")):
        return "it is still the example text"
    return ""


def _capital(source: str) -> str:
    return source if source == KEY_FILE else source[0].upper() + source[1:]
