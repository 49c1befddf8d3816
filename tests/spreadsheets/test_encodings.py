"""In which encoding a file is read: told by the file, guessed with a note, or asked about."""

import itertools

import pytest

from kie.errors import EncodingUnsure, TableRefused
from kie.prompts.table import pasted, read
from kie.spreadsheets.charsets import LABELS
from tests.support.spreadsheets import csv_of, prompts, refusal, workbook


def read_as(label: str) -> str:
    return f"The file does not name its encoding, so it was read as {label}: check that its letters are right."


def test_text_in_another_encoding_is_read_with_a_note_to_look_at_it():
    table = read("t.csv", "prompt\nein großer Kürbis – 5 €".encode("cp1252"))
    assert prompts(table) == ["ein großer Kürbis – 5 €"]
    assert table.notes == (read_as("Western European (Windows-1252)"),)
    assert read("t.csv", "prompt\nKürbis 🎃".encode()).notes == ()


PROMPTS = {
    "gb18030": ["一只戴着红色帽子的猫坐在窗边", "夕阳下的灯塔，油画风格", "产品照片，白色背景，柔和的光线"],
    "big5hkscs": ["一隻戴著紅色帽子的貓坐在窗邊", "夕陽下的燈塔，油畫風格", "產品照片，白色背景，柔和的光線"],
    "cp932": ["窓辺に座る赤い帽子の猫", "夕暮れの灯台、油絵風", "商品写真、白い背景、柔らかい光"],
    "euc_jp": ["窓辺に座る赤い帽子の猫", "夕暮れの灯台、油絵風", "商品写真、白い背景、柔らかい光"],
    "iso2022_jp": ["窓辺に座る赤い帽子の猫", "夕暮れの灯台、油絵風"],
    "cp949": ["창가에 앉아 있는 빨간 모자를 쓴 고양이", "해질녘의 등대, 유화 스타일", "제품 사진, 흰 배경"],
    "cp1251": ["Кот в красной шляпе сидит у окна", "Маяк на закате, масляная живопись"],
    "koi8_u": ["Кот в красной шляпе сидит у окна", "Ночной город будущего, дождь"],
    "cp866": ["Кот в красной шляпе сидит у окна", "Ночной город будущего, дождь"],
    "cp1252": ["un café à Paris, l’été", "São João à noite", "El niño con sombrero rojo", "ein großer Kürbis"],
    "cp850": ["un café à Paris", "ein großer Kürbis mit Blüten"],
    "cp1250": ["Żółty kot siedzi przy oknie", "Latarnia morska o zachodzie słońca"],
    "cp1253": ["Μια γάτα με κόκκινο καπέλο", "Φάρος στο ηλιοβασίλεμα"],
    "cp1254": ["Kırmızı şapkalı bir kedi", "gün batımında deniz feneri, yağlı boya"],
    "cp1256": ["قطة ترتدي قبعة حمراء", "منارة عند الغروب"],
    "cp1257": ["raudona katė ant stogo, šviesus rytas", "dzeltens kaķis uz jumta, zāle"],
    "cp874": ["แมวสวมหมวกสีแดงนั่งริมหน้าต่าง", "ประภาคารยามพระอาทิตย์ตก"],
    "utf_16_le": ["a cat", "一只猫, 一", "Кот"],
    "utf_16_be": ["a cat", "一只猫, 一", "Кот"],
    "utf_32_le": ["a cat", "猫"],
}


@pytest.mark.parametrize("encoding", PROMPTS)
def test_a_file_comes_with_the_right_letters_and_the_guess_is_named(encoding: str):
    asked = PROMPTS[encoding]
    table = read("t.csv", csv_of("prompt,images", *(f'"{each}",2' for each in asked)).decode().encode(encoding))
    assert prompts(table) == asked
    assert table.guesses[0].encoding == encoding
    assert table.notes == (read_as(LABELS[encoding]),)


@pytest.mark.parametrize("encoding", PROMPTS)
def test_a_single_short_row_comes_right_or_is_asked_about(encoding: str):
    for asked in PROMPTS[encoding]:
        data = csv_of("prompt", asked).decode().encode(encoding)
        try:
            assert prompts(read("t.csv", data)) == [asked]
        except EncodingUnsure as error:
            assert encoding in [guess.encoding for guess in error.guesses]


@pytest.mark.parametrize(
    ("text", "encoding", "other"),
    [("一只猫", "gb18030", "utf_8"), ("고양이", "cp949", "gb18030"), ("кот", "cp1251", "cp1255")],
)
def test_two_guesses_that_are_close_are_a_question_and_no_table(text: str, encoding: str, other: str):
    data = csv_of("prompt,images", f"{text},2").decode().encode(encoding)
    with pytest.raises(EncodingUnsure) as caught:
        read("t.csv", data)
    assert f"{LABELS[encoding]}, “{text},2”" in caught.value.sentence
    assert f"{LABELS[other]}, “" in caught.value.sentence
    assert "choose one." in caught.value.sentence
    assert {encoding, other} <= {guess.encoding for guess in caught.value.guesses}
    chosen = read("t.csv", data, encoding=encoding)
    assert (prompts(chosen), chosen.notes, chosen.guesses[0].encoding) == ([text], (), encoding)
    assert prompts(read("t.csv", data, encoding=other)) == [data.decode(other).splitlines()[1].removesuffix(",2")]


def test_another_encoding_can_be_chosen_and_one_that_does_not_fit_is_refused():
    data = csv_of("prompt", *PROMPTS["gb18030"]).decode().encode("gb18030")
    table = read("t.csv", data)
    others = [guess.encoding for guess in table.guesses[1:]]
    assert others and all(prompts(read("t.csv", data, encoding=each)) != prompts(table) for each in others)
    with pytest.raises(TableRefused, match="not a table"):
        read("t.csv", data, encoding="utf_16_be")


def test_unicode_that_says_so_is_no_guess():
    for encoding, text in itertools.product(
        ("utf-8-sig", "utf-16", "utf-32", "utf-8"), ("一只猫", "café", "һֻè", "½ £5")
    ):
        if (encoding, text) != ("utf-8", "һֻè"):  # which is 一只猫 in GBK
            table = read("t.csv", f"prompt\n{text}".encode(encoding))
            assert (prompts(table), table.notes, table.guesses) == ([text], (), ())
    assert read("t.xlsx", workbook(["prompt"], ["一只猫"])).guesses == ()


def test_a_damaged_letter_in_utf_8_is_a_fault_of_its_row_and_costs_no_other_its_letters():
    data = csv_of("prompt,shop", "窓辺に座る赤い帽子の猫,x", "夕暮れの灯台,é", "猫,x").replace(
        "台".encode(), "台".encode()[:2]
    )
    table = read("t.csv", data)
    assert [row.prompt for row in table.rows] == ["窓辺に座る赤い帽子の猫", "夕暮れの灯\ufffd", "猫"]
    assert [[fault.field for fault in row.faults] for row in table.rows] == [[], ["Prompt"], []]
    assert [bool(row.faults) for row in pasted("a c\ufffdt\na dog").rows] == [True, False]
    assert prompts(read("t.csv", csv_of("prompt", *["猫が好き"] * 9, "a dog").replace(b"a dog", b"a dog \xe7"))) == [
        *["猫が好き"] * 9,
        "a dog \ufffd",
    ]


def test_five_megabytes_in_another_encoding_are_judged_at_once():
    line = f"{'，'.join(PROMPTS['gb18030'])}\n".encode("gb18030")
    assert "has more than 20,000 rows" in refusal("t.csv", b"prompt\n" + line * (5 * 2**20 // len(line) - 1))
