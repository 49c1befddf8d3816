"""Key, hosts and folders: where they are taken from, and what is said of those that can't be used."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kie.client import Client
from kie.errors import KeyRefused, SettingsInvalid
from kie.sandbox import Sandbox
from kie.settings import ROOT, Key, Settings

SECRET = "0123456789abcdef0123456789abcdef"
NAME = "config/kie_key.txt"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with nothing set."""
    (tmp_path / "config").mkdir()
    return tmp_path


@pytest.fixture
def key_in(root: Path) -> Callable[[bytes], Key]:
    """Writes the key file and reads the key out of it."""

    def write(content: bytes) -> Key:
        (root / NAME).write_bytes(content)
        return Settings.load(root, {}).key()

    return write


def write_dotenv(root: Path, text: str, encoding: str = "utf-8") -> None:
    (root / ".env").write_text(text, encoding=encoding)


# Where a setting is taken from


def test_nothing_has_to_be_set(root: Path):
    settings = Settings.load(root, {})
    assert settings.api_url == "https://api.kie.ai"
    assert settings.upload_url == "https://kieai.redpandaai.co"
    assert settings.data_dir == root / "data"
    assert (settings.database_url, settings.public_url, settings.sandbox) == ("", "", "")
    assert settings.key() == Key("", "", "")
    assert settings.wants_sandbox()


SETTINGS = [
    ("KIE_API_URL", "api_url", "https://one.example", "https://two.example"),
    ("KIE_UPLOAD_URL", "upload_url", "https://one.example", "https://two.example"),
    ("KIE_PUBLIC_URL", "public_url", "https://one.example", "https://two.example"),
    ("KIE_DATABASE_URL", "database_url", "sqlite:///one", "sqlite:///two"),
    ("KIE_SANDBOX", "sandbox", "0", "1"),
    ("KIE_API_KEY", "environment_key", "key-one", "key-two"),
]


@pytest.mark.parametrize(("name", "field", "one", "two"), SETTINGS, ids=[name for name, *_ in SETTINGS])
def test_the_environment_goes_before_dotenv_and_dotenv_before_the_default(
    root: Path, name: str, field: str, one: str, two: str
):
    default = getattr(Settings.load(root, {}), field)
    write_dotenv(root, f"# ours\n{name} = '{one}'\n")
    assert getattr(Settings.load(root, {}), field) == one != default
    assert getattr(Settings.load(root, {name: two}), field) == two
    assert getattr(Settings.load(root, {name: f" {two}\n"}), field).strip() == two
    assert getattr(Settings.load(root, {name: "  "}), field) == one
    write_dotenv(root, f"{name}=\n{name}_X=1\nPATH=/nowhere\n")
    assert getattr(Settings.load(root, {}), field) == default


def test_the_process_s_own_environment_is_read_if_no_other_is_given(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KIE_API_URL", "https://three.example/")
    assert Settings.load(root).api_url == "https://three.example"


def test_a_dotenv_that_begins_with_a_byte_order_mark_is_read_from_its_first_line(root: Path):
    write_dotenv(root, "KIE_API_URL=https://one.example\r\nKIE_SANDBOX=1\r\n", "utf-8-sig")
    settings = Settings.load(root, {})
    assert (settings.api_url, settings.sandbox) == ("https://one.example", "1")


def test_a_dotenv_that_is_not_utf_8_is_said_to_be_so(root: Path):
    write_dotenv(root, "KIE_SANDBOX=1\n", "utf-16")
    with pytest.raises(SettingsInvalid, match=r"\.env is not UTF-8 text"):
        Settings.load(root, {})


# The key file


def test_a_key_alone_on_the_first_line_has_nothing_odd_about_it(key_in: Callable[[bytes], Key]):
    for content in (SECRET, f"{SECRET}\n"):
        assert key_in(content.encode()) == Key(SECRET, NAME, "")


ODD_BUT_USABLE = {
    "spaces around": (f"  {SECRET}\t\n".encode(), "spaces around the key, which were left out"),
    "a byte order mark": (f"\ufeff{SECRET}".encode(), "an invisible byte order mark, which was left out"),
    "UTF-16": (f"\ufeff{SECRET}\r\n".encode("utf-16-le"), "an invisible byte order mark, which was left out"),
    "UTF-16, the other way round": (f"\ufeff{SECRET}".encode("utf-16-be"), "an invisible byte order mark"),
    "Windows line ends": (f"{SECRET}\r\n".encode(), "has Windows line ends, which were left out"),
    "several lines": (f"\n{SECRET}\nthe key of our team\n\n".encode(), "has 2 lines; the first one is used"),
}


@pytest.mark.parametrize(("content", "words"), ODD_BUT_USABLE.values(), ids=ODD_BUT_USABLE)
def test_what_is_odd_about_a_key_that_can_be_used_is_said(key_in: Callable[[bytes], Key], content: bytes, words: str):
    key = key_in(content)
    assert (key.value, key.is_usable, key.source) == (SECRET, True, NAME)
    assert key.note.startswith(f"{NAME} ")
    assert words in key.note
    assert key.note.endswith(".")
    assert SECRET not in key.note


def test_everything_odd_is_said_at_once(key_in: Callable[[bytes], Key]):
    key = key_in(f"\ufeff {SECRET}\r\nsecond\r\n".encode())
    assert key.value == SECRET
    assert all(word in key.note for word in ("byte order mark", "Windows line ends", "2 lines", "spaces around"))


UNUSABLE = {
    "empty": (b"", f"{NAME} is empty: put the key on its first line."),
    "only white space": (b" \r\n\t\n\n", f"{NAME} is empty: put the key on its first line."),
    "only a byte order mark": (b"\xef\xbb\xbf", f"{NAME} is empty: put the key on its first line."),
    "a space inside": (b"0123 4567", f"{NAME} can't be used as a key: there is a space in the middle of it."),
    "the word before it": (f"Bearer {SECRET}".encode(), "there is a space in the middle of it."),
    "a hard space inside": ("0123\u00a04567".encode(), "there is a space in the middle of it."),
    "zero-width space": (f"{SECRET}\u200b".encode(), "it has characters that no key has"),
    "not ASCII": ("schlüssel".encode("latin-1"), "it has characters that no key has"),
    "binary": (bytes(range(256)), f"{NAME} is no text file: put only the key into it."),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", f"{NAME} is no text file"),
    "a document": (b"%PDF-1.7\n\0\x01\x02", f"{NAME} is no text file"),
    "UTF-16 without a mark": (SECRET.encode("utf-16-le"), f"{NAME} is no text file"),
    "control characters": (b"\x1b[31m0123", "it has characters that no key has"),
    "the example": ((ROOT / "config" / "kie_key.example.txt").read_bytes(), "it is still the example text."),
    "the example of the service": (b"YOUR_API_KEY", "it is still the example text."),
}


@pytest.mark.parametrize(("content", "words"), UNUSABLE.values(), ids=UNUSABLE)
def test_why_a_key_cannot_be_used_is_said_and_the_sandbox_takes_its_place(
    key_in: Callable[[bytes], Key], root: Path, content: bytes, words: str
):
    key = key_in(content)
    assert (key.value, key.is_usable, key.source) == ("", False, NAME)
    assert words in key.note
    assert Settings.load(root, {}).wants_sandbox()


def test_a_key_file_that_cannot_be_read_is_said_to_be_so(root: Path):
    (root / NAME).mkdir()
    key = Settings.load(root, {}).key()
    assert (key.is_usable, key.note) == (False, f"{NAME} can't be read: Is a directory.")


def test_no_key_file_and_no_folder_for_it_are_no_fault(tmp_path: Path):
    assert Settings.load(tmp_path / "nothing", {}).key() == Key("", "", "")


def test_a_key_in_the_environment_goes_before_the_file_and_is_judged_like_it(root: Path):
    (root / NAME).write_text(SECRET)
    key = Settings.load(root, {"KIE_API_KEY": "another"}).key()
    assert (key.value, key.source, key.note) == ("another", "the setting KIE_API_KEY", "")
    odd = Settings.load(root, {"KIE_API_KEY": " an other "}).key()
    assert not odd.is_usable
    assert odd.note == "The setting KIE_API_KEY can't be used as a key: there is a space in the middle of it."


def test_a_changed_key_file_is_taken_up_at_once(root: Path):
    settings, path = Settings.load(root, {}), root / NAME
    assert settings.wants_sandbox()
    for value in ("first-key", "second-k2"):
        path.write_text(value)
        assert (settings.key().value, settings.wants_sandbox()) == (value, False)
    path.unlink()
    assert (settings.key().value, settings.wants_sandbox()) == ("", True)


@pytest.fixture
def guarded_service(tmp_path: Path) -> Iterator[Sandbox]:
    """A service that takes one key and no other."""
    with Sandbox(tmp_path / "service", key=SECRET) as running:
        yield running


def test_the_next_request_carries_the_changed_key(root: Path, guarded_service: Sandbox):
    settings = Settings.load(root, {"KIE_API_URL": guarded_service.url, "KIE_UPLOAD_URL": guarded_service.url})
    client = Client(settings.api_url, settings.upload_url, lambda: settings.key().value)
    (root / NAME).write_text("an-old-key")
    with pytest.raises(KeyRefused):
        client.credits()
    (root / NAME).write_text(SECRET)
    assert client.credits() == 1000
    client.close()


# What may never be shown


@pytest.mark.parametrize("place", ["the environment", "the file"])
def test_the_key_stands_in_no_repr(root: Path, place: str):
    if place == "the file":
        (root / NAME).write_text(SECRET)
    settings = Settings.load(root, {"KIE_API_KEY": SECRET} if place == "the environment" else {})
    client = Client(settings.api_url, settings.upload_url, lambda: settings.key().value)
    assert settings.key().value == SECRET
    for thing in (settings, settings.key(), client, [settings], {"key": settings.key()}):
        assert SECRET not in f"{thing!r} {thing!s} {thing}"
    client.close()


def test_a_password_of_the_database_stands_in_no_repr(root: Path):
    settings = Settings.load(root, {"KIE_DATABASE_URL": "postgresql://studio:hunter2@db.example/studio"})
    assert "hunter2" in settings.database_url
    assert "hunter2" not in f"{settings!r} {settings!s}"


# The sandbox


@pytest.mark.parametrize(
    ("value", "with_key", "wanted"),
    [
        ("", True, False),
        ("", False, True),
        ("1", True, True),
        ("1", False, True),
        ("0", True, False),
        ("0", False, False),
        (" 1 ", True, True),
    ],
)
def test_the_sandbox_is_on_when_told_or_when_there_is_no_key(root: Path, value: str, with_key: bool, wanted: bool):
    environment = {"KIE_SANDBOX": value} | ({"KIE_API_KEY": SECRET} if with_key else {})
    assert Settings.load(root, environment).wants_sandbox() == wanted


@pytest.mark.parametrize("value", ["yes", "true", "2", "-1", "on", "1 0"])
def test_any_other_word_for_the_sandbox_is_refused_by_name(root: Path, value: str):
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load(root, {"KIE_SANDBOX": value})
    assert caught.value.detail == f"KIE_SANDBOX is {value!r}; it takes 1 or 0, or nothing."


# Addresses and folders


@pytest.mark.parametrize("name", ["KIE_API_URL", "KIE_UPLOAD_URL", "KIE_PUBLIC_URL"])
@pytest.mark.parametrize(
    "value",
    [
        "api.kie.ai",
        "//api.kie.ai",
        "ftp://api.kie.ai",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "https:///path",
        "http://:8080",
        "https://ann:secret@api.kie.ai",
        "https://:secret@api.kie.ai",
        "https://ann@api.kie.ai",
        "https://api.kie.ai?key=secret",
        "https://api.kie.ai?",
        "https://api.kie.ai/#",
        "https://api.kie.ai/#part",
        "https://api .kie.ai",
        "https://api.kie.ai/a path",
        "https://api\n.kie.ai",
        "https://api.kie.ai:port",
        "https://api.kie.ai:99999",
        "https://api.kie.ai:0",
        "http://[::1",
        "not an address at all",
    ],
)
def test_what_is_no_plain_address_is_refused_by_name_and_not_repeated(root: Path, name: str, value: str):
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load(root, {name: value})
    assert caught.value.detail.startswith(f"{name} must be an address such as https://example.com")
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://api.example.com/", "https://api.example.com"),
        ("  https://api.example.com//\n", "https://api.example.com"),
        ("HTTPS://API.example.com", "HTTPS://API.example.com"),
        ("http://127.0.0.1:8700", "http://127.0.0.1:8700"),
        ("http://[::1]:8700/", "http://[::1]:8700"),
        ("https://example.com/kie/v2/", "https://example.com/kie/v2"),
    ],
)
def test_an_address_is_kept_without_what_stands_around_it(root: Path, value: str, kept: str):
    assert Settings.load(root, {"KIE_API_URL": value}).api_url == kept


def test_a_relative_data_folder_is_the_project_s_wherever_the_studio_is_started(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for value in ("pictures", "./pictures/", " pictures "):
        assert Settings.load(root, {"KIE_DATA_DIR": value}).data_dir == root / "pictures"
    assert Settings.load(root, {"KIE_DATA_DIR": "../beside"}).data_dir == root.parent / "beside"


def test_an_absolute_data_folder_and_one_at_home_are_taken_as_they_are(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Settings.load(root, {"KIE_DATA_DIR": str(tmp_path / "far away")}).data_dir == tmp_path / "far away"
    assert Settings.load(root, {"KIE_DATA_DIR": "~/pictures"}).data_dir == tmp_path / "home" / "pictures"


def test_a_data_folder_at_nobody_s_home_is_refused_by_name(root: Path):
    with pytest.raises(SettingsInvalid, match="KIE_DATA_DIR is '~nobody-of-that-name/x'"):
        Settings.load(root, {"KIE_DATA_DIR": "~nobody-of-that-name/x"})


def test_loading_touches_no_disk_but_to_read(root: Path):
    Settings.load(root, {"KIE_DATA_DIR": "made-later"})
    assert not (root / "made-later").exists()
