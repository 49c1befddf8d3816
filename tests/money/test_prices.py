"""What a picture is likely to cost, and what is said of where that comes from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kie.errors import SettingsInvalid
from kie.generation import RESOLUTIONS
from kie.money.prices import PriceList, learned
from kie.settings import ROOT


@pytest.fixture
def price_list(tmp_path: Path) -> Callable[..., PriceList]:
    """Writes a price list and opens it."""

    def write(text: str, encoding: str = "utf-8") -> PriceList:
        (tmp_path / "prices.toml").write_text(text, encoding=encoding)
        return PriceList(tmp_path / "prices.toml")

    return write


def test_our_own_list_names_a_price_for_every_resolution_with_its_date():
    listed = PriceList(ROOT / "config" / "prices.toml")
    assert [listed.listed(resolution).credits for resolution in RESOLUTIONS] == [18, 18, 24]
    assert "the price list of 2026-09-01 (public reports" in listed.listed("1K").source


def test_a_price_that_is_not_listed_is_unknown_and_never_invented(price_list: Callable[..., PriceList]):
    listed = price_list('date = "2026-01-01"\n[credits]\n"1K" = 18\n')
    assert listed.listed("1K").credits == 18
    assert listed.listed("2K") is None
    assert listed.listed("") is None


def test_without_a_list_every_price_is_unknown(tmp_path: Path, price_list: Callable[..., PriceList]):
    assert PriceList(tmp_path / "nothing.toml").listed("1K") is None
    assert price_list("").listed("1K") is None
    assert price_list("[credits]\n").listed("1K") is None


@pytest.mark.parametrize(("written", "credits"), [("18", 18.0), ("0", 0.0), ("8.62", 8.62), ("1_000", 1000.0)])
def test_a_listed_price_may_be_whole_or_have_a_fraction(
    price_list: Callable[..., PriceList], written: str, credits: float
):
    assert price_list(f'[credits]\n"1K" = {written}\n').listed("1K").credits == credits


def test_a_list_without_date_and_source_says_so(price_list: Callable[..., PriceList]):
    assert price_list('[credits]\n"1K" = 18\n').listed("1K").source == "the price list of unknown date (source unknown)"
    dated = price_list('date = 2026-01-31\nsource = "our invoice"\n[credits]\n"1K" = 18\n')
    assert dated.listed("1K").source == "the price list of 2026-01-31 (our invoice)"


def test_a_list_that_was_saved_on_windows_is_read(price_list: Callable[..., PriceList]):
    assert price_list('[credits]\r\n"1K" = 18\r\n', "utf-8-sig").listed("1K").credits == 18


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
    price_list: Callable[..., PriceList], text: str
):
    with pytest.raises(SettingsInvalid, match=r"The price list prices\.toml .*: correct it\."):
        price_list(text)


def test_a_list_that_is_no_text_or_no_file_is_told_by_name(price_list: Callable[..., PriceList], tmp_path: Path):
    with pytest.raises(SettingsInvalid, match="can't be read"):
        price_list("date = 1", "utf-16")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(SettingsInvalid, match=r"folder\.toml can't be read"):
        PriceList(tmp_path / "folder.toml")


def test_a_learned_price_says_from_when_it_is():
    price = learned(17.5, 1_790_000_000)
    assert price.credits == 17.5
    assert price.source == "what your last finished pictures cost, up to 2026-09-21"
