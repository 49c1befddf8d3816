"""Prompts found by the beginnings of their words, kept up by the database itself.

    SQLite        jobs_text (FTS5) <── a trigger writes the words of each new job; `fill` those of an older database
    PostgreSQL    a column that is worked out from the prompt, and a GIN index over it

Scripts that are written without spaces are kept character by character, so that any part of a sentence is found. At
100,000 prompts that takes 2 ms where LIKE takes 55, and an index of trigrams finds no word of two characters.
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, text

TEXT_LIMIT, WORDS_LIMIT = 200, 12
FILL_STEP = 2000
NO_ROW = 2**62
# Pages show the first six characters of an id.
_ID = re.compile(r"[A-Za-z0-9_.:-]{6,200}")
# Thai to Burmese, Hangul, Khmer, kana, Han.
_SCRIPTS = (
    r"\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_SYMBOLS = r"\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
# Of Latin, Greek and Cyrillic letters; of Hebrew and Arabic ones.
_ACCENTS = r"[\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670]"
_APART = re.compile(f"([{_SCRIPTS}{_SYMBOLS}])")
_TOKEN = re.compile(rf"[^\W_]+|[{_SYMBOLS}]")


def spaced(prompt: str) -> str:
    """Return a text as it is kept for searching: without accents, and with spaces where its script has none."""
    if prompt.isascii():
        return prompt
    bare = re.sub(_ACCENTS, "", unicodedata.normalize("NFD", prompt))
    return _APART.sub(r" \1 ", unicodedata.normalize("NFKC", bare).casefold())


def words(typed: str) -> list[str]:
    """Return the words of a text by which something can be found, as they were typed; at most 12, from 200 characters."""
    parts = dict.fromkeys(typed[:TEXT_LIMIT].encode("utf-8", "ignore").decode().split())
    return [part for part in parts if _tokens(part)][:WORDS_LIMIT]


def matching(db: Connection, asked: Sequence[str]) -> np.ndarray | list[str]:
    """Find the jobs whose prompt has all of these words, or words that begin so; one word alone may begin an id, too.

    Returns row numbers in their order on SQLite, and ids elsewhere.
    """
    if db.dialect.name == "sqlite":
        return _numbers(db, asked)
    by_words = "SELECT id FROM jobs WHERE prompt_words @@ to_tsquery('simple', :asked)"
    by_id = "SELECT id FROM jobs WHERE starts_with(id, lower(:one)) OR starts_with(task_id, :one)"
    wanted = " & ".join(f"({' <-> '.join(_tokens(word))}:*)" for word in asked)
    found = list(db.scalars(text(by_words), {"asked": wanted}))
    return found + (list(db.scalars(text(by_id), {"one": asked[0]})) if _may_be_id(asked) else [])


def fill(db: Connection, below: int) -> int:
    """Keep the words of up to 2,000 jobs that are older than the index, the newest with row numbers below this one.

    Returns the lowest of their row numbers, below which to go on, or 0 at the end.
    """
    if db.dialect.name != "sqlite":
        return 0
    missing = "SELECT rowid, prompt FROM jobs WHERE rowid < :below AND rowid NOT IN (SELECT id FROM jobs_text_docsize)"
    found = db.execute(text(f"{missing} ORDER BY rowid DESC LIMIT {FILL_STEP}"), {"below": below})
    rows = [{"row": row.rowid, "prompt": spaced(row.prompt)} for row in found]
    if rows:
        db.execute(text("INSERT INTO jobs_text (rowid, prompt) VALUES (:row, :prompt)"), rows)
    return rows[-1]["row"] if rows else 0


def statements(dialect: str) -> Sequence[str]:
    """Return what a database of this kind is told so that it keeps the words of prompts; it may be told again."""
    return {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}.get(dialect, ())


def _numbers(db: Connection, asked: Sequence[str]) -> np.ndarray:
    by_words = "SELECT group_concat(rowid) FROM jobs_text WHERE jobs_text MATCH :asked"
    by_id = "SELECT group_concat(rowid) FROM jobs WHERE id BETWEEN lower(:one) AND lower(:one) || char(0x10ffff)"
    by_task = " OR task_id BETWEEN :one AND :one || char(0x10ffff)"
    # Between quotes the signs of FTS5's own language are plain text.
    wanted = " ".join(f'"{" ".join(_tokens(word))}"*' for word in asked)
    found = _parsed(db.scalar(text(by_words), {"asked": wanted}))
    if not _may_be_id(asked):
        return found
    return np.union1d(found, _parsed(db.scalar(text(by_id + by_task), {"one": asked[0]})))


def _parsed(numbers: str | None) -> np.ndarray:
    # One text of 100,000 numbers is here three times as fast as so many rows.
    return np.fromstring(numbers, np.int64, sep=",") if numbers else np.empty(0, np.int64)


def _may_be_id(asked: Sequence[str]) -> bool:
    return len(asked) == 1 and _ID.fullmatch(asked[0]) is not None


def _tokens(word: str) -> list[str]:
    return _TOKEN.findall(spaced(word))


# Jobs are never deleted, so their row numbers have no gaps and stay the same when the file is packed anew (VACUUM); their
# prompts never change. So the index needs no copy of the prompts, and only new jobs are written to it.
# Beginnings of one and two letters have an index of their own: there are too many words that begin so.
_SQLITE = (
    """CREATE VIRTUAL TABLE IF NOT EXISTS jobs_text USING fts5(
        prompt, content='', prefix='1 2', tokenize="unicode61 remove_diacritics 2 categories 'L* N* Co So'")""",
    "DROP TRIGGER IF EXISTS jobs_text_added",
    """CREATE TRIGGER jobs_text_added AFTER INSERT ON jobs BEGIN
        INSERT INTO jobs_text (rowid, prompt) VALUES (new.rowid, spaced(new.prompt)); END""",
)
# Letters that are all ASCII need no more than their case and their gaps changed, which is most of the time saved.
_POSTGRESQL = (
    rf"""CREATE OR REPLACE FUNCTION spaced(prompt text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT regexp_replace(CASE WHEN octet_length(prompt) = length(prompt) THEN lower(prompt)
            ELSE regexp_replace(lower(normalize(regexp_replace(normalize(prompt, NFD), '{_ACCENTS}', '', 'g'), NFKC)),
                '([{_SCRIPTS}])', ' \1 ', 'g') END, '[\W_]+', ' ', 'g') $$""",
    """ALTER TABLE jobs ADD COLUMN IF NOT EXISTS prompt_words tsvector
        GENERATED ALWAYS AS (to_tsvector('simple', spaced(prompt))) STORED""",
    "CREATE INDEX IF NOT EXISTS jobs_words ON jobs USING gin (prompt_words)",
)
