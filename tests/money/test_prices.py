"""What a picture is likely to cost, and what is said of where that comes from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kie.errors import SettingsInvalid
from kie.generation import RESOLUTIONS
from kie.money.prices import Price, learned, price_list
from kie.settings import ROOT


@pytest.fixture
def written_list(tmp_path: Path) -> Callable[..., dict[str, Price]]:
    """Writes a price list and opens it."""

    def write(text: str, encoding: str = "utf-8") -> dict[str, Price]:
        (tmp_path / "prices.toml").write_text(text, encoding=encoding)
        return price_list(tmp_path / "prices.toml")

    return write


def test_our_own_list_names_a_price_for_every_resolution_with_its_date():
    listed = price_list(ROOT / "config" / "prices.toml")
    assert [listed.get(resolution).credits for resolution in RESOLUTIONS] == [18, 18, 24]
    assert "the price list of 2026-09-01 (public reports" in listed.get("1K").source


def test_a_price_that_is_not_listed_is_unknown_and_never_invented(written_list: Callable[..., dict[str, Price]]):
    listed = written_list('date = "2026-01-01"\n[credits]\n"1K" = 18\n')
    assert listed.get("1K").credits == 18
    assert listed.get("2K") is None
    assert listed.get("") is None


def test_without_a_list_every_price_is_unknown(tmp_path: Path, written_list: Callable[..., dict[str, Price]]):
    assert price_list(tmp_path / "nothing.toml").get("1K") is None
    assert written_list("").get("1K") is None
    assert written_list("[credits]\n").get("1K") is None


@pytest.mark.parametrize(("written", "credits"), [("18", 18.0), ("0", 0.0), ("8.62", 8.62), ("1_000", 1000.0)])
def test_a_listed_price_may_be_whole_or_have_a_fraction(
    written_list: Callable[..., dict[str, Price]], written: str, credits: float
):
    assert written_list(f'[credits]\n"1K" = {written}\n').get("1K").credits == credits


def test_a_list_without_date_and_source_says_so(written_list: Callable[..., dict[str, Price]]):
    assert written_list('[credits]\n"1K" = 18\n').get("1K").source == "the price list of unknown date (source unknown)"
    dated = written_list('date = 2026-01-31\nsource = "our invoice"\n[credits]\n"1K" = 18\n')
    assert dated.get("1K").source == "the price list of 2026-01-31 (our invoice)"


def test_a_list_that_was_saved_on_windows_is_read(written_list: Callable[..., dict[str, Price]]):
    assert written_list('[credits]\r\n"1K" = 18\r\n', "utf-8-sig").get("1K").credits == 18


@pytest.mark.parametrize(
    "text",
    [
        "[credits\n",
        '[credits]\n"1K" = \n',
        '[credits]\n"1K" = "18"\n',
        '[credits]\n"1K" = -1\n',
        '[credits]\n"1K" = true\n',
        '[credits]\n"1K" = nan\n',
        '[credits]\n"1K" = inf\n',
        '[credits]\n"1K" = [18]\n',
        "credits = 18\n",
        '[[credits]]\n"1K" = 18\n',
    ],
)
def test_a_list_that_cannot_be_used_is_told_by_name_before_anything_is_priced(
    written_list: Callable[..., dict[str, Price]], text: str
):
    with pytest.raises(SettingsInvalid, match=r"The price list prices\.toml .*: correct it\."):
        written_list(text)


def test_a_list_that_is_no_text_or_no_file_is_told_by_name(
    written_list: Callable[..., dict[str, Price]], tmp_path: Path
):
    with pytest.raises(SettingsInvalid, match="can't be read"):
        written_list("date = 1", "utf-16")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(SettingsInvalid, match=r"folder\.toml can't be read"):
        price_list(tmp_path / "folder.toml")


def test_a_learned_price_says_from_when_it_is():
    price = learned(17.5, 1_790_000_000)
    assert price.credits == 17.5
    assert price.source == "what your last finished pictures cost, up to 2026-09-21"
