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
    database_url: str
    public_url: str
    sandbox: str
    environment_key: str = field(default="", repr=False)

    @classmethod
    def load(cls, root: Path = ROOT, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings of the project at `root`. Raises SettingsInvalid, naming the setting."""
        given = os.environ if environment is None else environment
        values = {name: value for name, value in dotenv_values(root / ".env").items() if value}
        values |= {name: value for name, value in given.items() if name.startswith("KIE_") and value.strip()}
        sandbox = values.get("KIE_SANDBOX", "").strip().lower()
        if sandbox not in ("", "0", "1"):
            raise SettingsInvalid(f"KIE_SANDBOX is {sandbox!r}; it takes 1 or 0, or nothing.")
        return cls(
            root=root,
            api_url=_url("KIE_API_URL", values.get("KIE_API_URL", API_URL)),
            upload_url=_url("KIE_UPLOAD_URL", values.get("KIE_UPLOAD_URL", UPLOAD_URL)),
            data_dir=(root / Path(values.get("KIE_DATA_DIR", "data")).expanduser()).resolve(),
            database_url=values.get("KIE_DATABASE_URL", ""),
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


def _url(name: str, value: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise SettingsInvalid(
            f"{name} must be an address such as https://example.com, without a name, key or query in it."
        )
    return value.strip().rstrip("/")


def _decoded(content: bytes) -> str:
    """Decode a key file, which editors on Windows write as UTF-16 or begin with a byte order mark."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8", errors="replace")


def _clean(text: str, source: str) -> Key:
    """Take the key out of `text`, saying in words whatever had to be left out or is wrong with it."""
    notes = []
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
    if re.search(r"\s", value):
        return "there is a space in the middle of it"
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        return "it has characters that no key has (is it a text file with only the key in it?)"
    if value.upper().startswith(("YOUR_API_KEY", "PASTE")):
        return "it is still the example text"
    return ""


def _capital(source: str) -> str:
    return source if source == KEY_FILE else source[0].upper() + source[1:]
