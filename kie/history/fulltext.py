"""Full-text search for prompts by word prefixes: one way to find the words of a text, and an index in either database.

    SQLite        jobs_text (FTS5)
    PostgreSQL    jobs.prompt_words, a tsvector with a GIN index

Scripts without spaces are indexed character by character, so that any part of a sentence is found. At 100,000 prompts a
search takes 2 ms, where LIKE takes 55 ms. A trigram index would not find words of two characters.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, TextClause, text

TEXT_LIMIT, WORDS_LIMIT = 200, 12
FILL_STEP = 2000
# PostgreSQL takes no words of more than 2,046 bytes.
TOKEN_LIMIT = 500
# The pages show the first six characters of an id.
_ID = re.compile(r"[A-Za-z0-9_.:-]{6,200}")
# Thai to Burmese, Hangul, Khmer, kana, Han.
_SCRIPTS = (
    r"\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_SYMBOLS = r"\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
# Combining marks of Latin, Greek and Cyrillic, then of Hebrew and Arabic.
_ACCENTS = r"[\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670]"
_APART = re.compile(f"([{_SCRIPTS}{_SYMBOLS}])")
_TOKEN = re.compile(rf"[^\W_]+|[{_SYMBOLS}]")


def words(typed: str) -> list[str]:
    """Split typed text into search words. Uses the first 200 characters and at most 12 words; words without letters or digits are dropped."""
    parts = dict.fromkeys(typed[:TEXT_LIMIT].encode("utf-8", "ignore").decode().split())
    return [part for part in parts if _tokens(part)][:WORDS_LIMIT]


def matching(dialect: str, terms: Sequence[str], in_order: bool = False) -> TextClause:
    """Return the condition that a job's prompt contains, for each of these words, a word that starts with it. A single word may also start an id.

    With `in_order`, SQLite tests one job after the other, in the order of the list, until it has enough. Otherwise it
    looks the jobs up, in a time that grows with their number.
    """
    if dialect == "sqlite":
        found = "jobs.rowid IN (SELECT rowid FROM jobs_text WHERE jobs_text MATCH :terms)"
        # The unary plus makes SQLite test each row.
        found = f"+{found}" if in_order else found
        # FTS5 operators have no meaning inside quotes.
        wanted = " ".join(f'"{" ".join(_tokens(word))}"*' for word in terms)
    else:
        # A cast takes the words as they are, where `to_tsquery` would split them or leave them out.
        found = "jobs.prompt_words @@ CAST(:terms AS tsquery)"
        phrases = (" <-> ".join(f"'{token}':*" for token in _tokens(word)) for word in terms)
        wanted = " & ".join(f"({phrase})" for phrase in phrases)
    if len(terms) > 1 or not _ID.fullmatch(terms[0]):
        return text(found).bindparams(terms=wanted)
    [one] = terms
    starts = " OR ".join(_STARTS[dialect].format(name) for name in ("id", "task_id"))
    return text(f"({found} OR {starts})").bindparams(terms=wanted, id=one.lower(), task_id=one)


def missing(db: Connection) -> Sequence[Mapping[str, Any]]:
    """Return "id" and "prompt" of up to 2,000 jobs that are not in the index, the newest first."""
    return db.execute(text(f"{_MISSING[db.dialect.name]} LIMIT {FILL_STEP}")).mappings().all()


def add(db: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Index the prompts of jobs that are not in the index, given by their "id" and "prompt"."""
    form = " ".join if db.dialect.name == "sqlite" else _tsvector
    found = [{"id": row["id"], "words": form(_tokens(row["prompt"]))} for row in rows]
    if found:
        db.execute(text(_ADD[db.dialect.name]), found)


def _tokens(written: str) -> list[str]:
    """Return the words of a text as they are indexed: without accents, each character of a script without spaces by itself."""
    if not written.isascii():
        bare = re.sub(_ACCENTS, "", unicodedata.normalize("NFD", written))
        written = _APART.sub(r" \1 ", unicodedata.normalize("NFKC", bare))
    return [token[:TOKEN_LIMIT] for token in _TOKEN.findall(written.casefold())]


def _tsvector(tokens: Sequence[str]) -> str:
    return " ".join(f"'{token}':{position}" for position, token in enumerate(tokens, start=1))


# Jobs are never deleted, so row numbers have no gaps and survive VACUUM; prompts never change. Therefore the index is
# contentless. Prefixes of one and two letters have their own index, because too many words match them.
# Earlier versions indexed by a trigger, or by a function of the database.
STATEMENTS = {
    "sqlite": (
        """CREATE VIRTUAL TABLE IF NOT EXISTS jobs_text USING fts5(
            prompt, content='', prefix='1 2', tokenize="unicode61 remove_diacritics 2 categories 'L* N* Co So'")""",
        "DROP TRIGGER IF EXISTS jobs_text_added",
    ),
    "postgresql": (
        "DROP FUNCTION IF EXISTS spaced(text) CASCADE",
        "ALTER TABLE jobs ADD COLUMN IF NOT EXISTS prompt_words tsvector",
        "CREATE INDEX IF NOT EXISTS jobs_words ON jobs USING gin (prompt_words)",
    ),
}
_MISSING = {
    "sqlite": "SELECT id, prompt FROM jobs WHERE rowid NOT IN (SELECT id FROM jobs_text_docsize) ORDER BY rowid DESC",
    "postgresql": "SELECT id, prompt FROM jobs WHERE prompt_words IS NULL ORDER BY created_at DESC",
}
# No character of an id comes after the tilde.
_STARTS = {
    "sqlite": "jobs.{0} BETWEEN :{0} AND :{0} || '~'",
    "postgresql": "starts_with(jobs.{0}, :{0})",
}
_ADD = {
    "sqlite": "INSERT INTO jobs_text (rowid, prompt) SELECT rowid, :words FROM jobs WHERE id = :id",
    "postgresql": "UPDATE jobs SET prompt_words = CAST(:words AS tsvector) WHERE id = :id",
}
