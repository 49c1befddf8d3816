"""Key, hosts and folders: where they are taken from, and what is said of those that can't be used."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kie.client import Client
from kie.errors import SettingsInvalid
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
        (root / NAME).chmod(0o600)
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
    ("KIE_FRAME_ANCESTORS", "frame_ancestors", "https://one.example", "https://two.example"),
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
    one, two = ((one,), (two,)) if isinstance(default, tuple) else (one, two)
    assert getattr(Settings.load(root, {}), field) == one != default
    assert getattr(Settings.load(root, {name: "".join(two)}), field) == two
    assert getattr(Settings.load(root, {name: f" {''.join(two)}\n"}), field) in (two, f" {two}\n")
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
    "double quotes": (f'"{SECRET}"'.encode(), "quotes around the key, which were left out"),
    "single quotes": (f"'{SECRET}'\n".encode(), "quotes around the key, which were left out"),
    "typographic quotes": (f"“{SECRET}”".encode(), "quotes around the key, which were left out"),
    "backticks": (f"`{SECRET}`".encode(), "quotes around the key, which were left out"),
    "its setting": (f"KIE_API_KEY={SECRET}".encode(), "a name before the key, which was left out"),
    "its setting, quoted": (f'KIE_API_KEY = "{SECRET}"'.encode(), "a name before the key, which was left out"),
    "another name": (f"My KIE API key: {SECRET}".encode(), "a name before the key, which was left out"),
    "of a Windows shell": (f"setx KIE_API_KEY {SECRET}\r\n".encode(), "a word of a shell before the key"),
    "of PowerShell": (f'$env:KIE_API_KEY="{SECRET}"'.encode(), "a name before the key, which was left out"),
    "of a Unix shell": (f"export KIE_API_KEY='{SECRET}'".encode(), "a word of a shell before the key"),
    "the word before it": (f"Bearer {SECRET}".encode(), "the word Bearer before the key, which was left out"),
    "a header": (f"Authorization: bearer {SECRET}".encode(), "the word Bearer before the key, which was left out"),
    "a header of curl": (f"'Authorization: Bearer {SECRET}'".encode(), "quotes around the key"),
    "JSON": (f'{{"KIE_API_KEY": "{SECRET}"}}'.encode(), "brackets around the key, which were left out"),
    "JSON on lines": (f'{{\n  "KIE_API_KEY": "{SECRET}",\n}}'.encode(), "3 lines; the one with KIE_API_KEY is used"),
    "code": (f"const apiKey = '{SECRET}';".encode(), "a sign after the key, which was left out"),
    "a file of settings": (
        f"# ours\nKIE_SANDBOX=0\nKIE_API_KEY={SECRET}  # of the team\n".encode(),
        "2 lines; the one with KIE_API_KEY is used",
    ),
    "angle brackets": (f"<{SECRET}>".encode(), "brackets around the key, which were left out"),
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


def test_a_key_from_the_environment_loses_its_quotes_too(root: Path):
    # Docker's --env-file keeps the quotes of a line.
    key = Settings.load(root, {"KIE_API_KEY": f'"Bearer {SECRET}"'}).key()
    assert key.value == SECRET
    assert key.note.startswith("The setting KIE_API_KEY has quotes around the key")


UNUSABLE = {
    "empty": (b"", f"{NAME} is empty: put the key on its first line."),
    "only white space": (b" \r\n\t\n\n", f"{NAME} is empty: put the key on its first line."),
    "only a byte order mark": (b"\xef\xbb\xbf", f"{NAME} is empty: put the key on its first line."),
    "a space inside": (b"0123 4567", f"{NAME} can't be used as a key: there is a space in the middle of it."),
    "only its name": (b"KIE_API_KEY=", "there is no key in it."),
    "its name alone": (b"KIE_API_KEY\n", "there is no key in it."),
    "only quotes": (b'export KIE_API_KEY=""', "there is no key in it."),
    "only the word before it": (b"Bearer \n", "there is no key in it."),
    "only a comment": (b"# the key goes here\n", f"{NAME} is empty: put the key on its first line."),
    "the example in its setting": (b'KIE_API_KEY="YOUR_API_KEY"', "it is still the example text."),
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


@pytest.mark.parametrize("name", ["KIE_PUBLIC_URL", "KIE_FRAME_ANCESTORS"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("https://*", "must name one host"),
        ("https://*.example.com", "must name one host"),
        ("https://a..b", "must name one host"),
        ("https://example.com.", "must name one host"),
        ("https://-a.example", "must name one host"),
        ("https://exa\x00mple.com", "must name one host"),
        ("https://exa\x7fmple.com", "must name one host"),
        ("https://example.com\\@evil.example", "must be an address"),
        ("https://example.com\\evil", "must name one host"),
        ("https://b\u00fccher.example", "must name one host"),
        ("https://2130706433", "must name one host"),
        ("https://1.2.3", "must name one host"),
        ("https://[fe80::1%25eth0]", "must name one host"),
        ("https://example.com/a/../b", "has the path"),
        ("https://example.com/a//b", "has the path"),
        ("https://example.com/a%20b", "has the path"),
        ("https://example.com/studio;a", "has the path"),
        ("https://example.com/st\u00fcdio", "has the path"),
    ],
)
def test_an_address_that_names_no_single_host_or_has_an_odd_path_is_refused_by_name(
    root: Path, name: str, value: str, words: str
):
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load(root, {name: value})
    words = "has a path" if name == "KIE_FRAME_ANCESTORS" and words.startswith("has") else words
    assert caught.value.detail.startswith(f"{name} {words}")


def test_a_site_that_shows_the_studio_in_a_frame_has_no_path(root: Path):
    with pytest.raises(SettingsInvalid, match="has a path"):
        Settings.load(root, {"KIE_FRAME_ANCESTORS": "https://example.com/studio"})


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("HTTPS://Tools.Example.com:443/Studio/", "https://tools.example.com/Studio"),
        ("https://studio/studio", "https://studio/studio"),
        ("https://tools.example.com:8443/our-tools/studio_2", "https://tools.example.com:8443/our-tools/studio_2"),
        ("HTTPS://Studio.Example.com:443/", "https://studio.example.com"),
        ("http://studio:80", "http://studio"),
        ("https://studio.example.com:8443", "https://studio.example.com:8443"),
        ("http://10.0.0.5:80", "http://10.0.0.5"),
        ("http://[0:0:0:0:0:0:0:1]:8501", "http://[::1]:8501"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_the_public_address_is_kept_as_a_browser_writes_it(root: Path, value: str, kept: str):
    assert Settings.load(root, {"KIE_PUBLIC_URL": value}).public_url == kept


def test_several_pages_may_show_the_studio_in_a_frame(root: Path):
    given = {"KIE_FRAME_ANCESTORS": " https://one.example\thttps://TWO.example:8443 "}
    assert Settings.load(root, given).frame_ancestors == ("https://one.example", "https://two.example:8443")


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
