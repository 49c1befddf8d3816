"""The tables. Times are Unix seconds, ids are ours (hex) but for `task_id`, file names are relative to the files' root.

jobs ──< job_references >── references        one row each picture asked for; what went in, in order
  ├──< job_tags                               a person's own words for a picture
  ├──< moves                                  every state with its time
  └──< sends                                  every paid request, for the limit per account
templates ──< template_stars                  prompts that are used again
presets    drafts                             settings by project; a table that is not sent yet
parcels                                       what a link stands for, when that is too long for an address
balances    servers    brakes    meta
"""

import functools
from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_mock_engine,
    inspect,
)
from sqlalchemy.schema import CreateColumn

from kie import fulltext

metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("submit_id", String(64), nullable=False),
    Column("variant", Integer, nullable=False),
    Column("row", Integer),
    Column("person", String(200), nullable=False),
    Column("project", String(80)),
    Column("state", String(16), nullable=False),
    Column("prompt", Text, nullable=False),
    Column("aspect_ratio", String(8), nullable=False),
    Column("resolution", String(8), nullable=False),
    Column("output_format", String(8), nullable=False),
    Column("fingerprint", String(64)),
    Column("task_id", String(200), unique=True),
    Column("stage", String(40)),
    Column("price_expected", Float),
    Column("credits", Float),
    Column("problem", String(40)),
    Column("candidate", String(200)),
    Column("candidate_from", String(10)),
    Column("settled", Text),
    Column("fail_code", String(20)),
    Column("fail_message", Text),
    Column("created_at", Float, nullable=False),
    Column("sent_at", Float),
    Column("accepted_at", Float),
    Column("ended_at", Float),
    Column("paused_at", Float),
    Column("duration_s", Float),
    Column("next_at", Float),
    Column("attempts", Integer, nullable=False, default=0),
    Column("server", String(32)),
    Column("file", String(200)),
    Column("file_kind", String(8)),
    Column("file_bytes", Integer),
    Column("width", Integer),
    Column("height", Integer),
    Column("starred_at", Float),
    Column("starred_by", String(200)),
    Column("verdict", String(8)),
    Column("verdict_at", Float),
    Column("verdict_by", String(200)),
    Column("note", Text),
    Column("note_at", Float),
    Column("note_by", String(200)),
    Column("project_at", Float),
    Column("project_by", String(200)),
    Column("binned_at", Float),
    Column("binned_by", String(200)),
    Column("emptied_at", Float),
    Column("version", BigInteger),
    UniqueConstraint("submit_id", "variant"),
    Index("jobs_newest", "created_at", "id"),
    Index("jobs_due", "next_at"),
    Index("jobs_state", "state", "person", "created_at"),
    Index("jobs_ended", "person", "ended_at"),
    Index("jobs_learned", "resolution", "state", "ended_at"),
    Index("jobs_same", "fingerprint"),
    Index("jobs_project", "project", "created_at"),
    Index("jobs_person", "person", "created_at"),
    Index("jobs_accepted", "state", "accepted_at", "credits", "price_expected"),
    Index("jobs_problem", "state", "problem", "settled"),
    Index("jobs_charged", "state", "credits", "settled"),
    Index("jobs_version", "version"),
    Index("jobs_binned", "binned_at"),
)

references = Table(
    "references",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("file", String(200), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("checked_at", Float),
    Column("refusal", Text),
    Column("changed", Text),
    Column("job_id", String(32), index=True),
    Column("uploaded_url", Text),
    Column("uploaded_to", String(200)),
    Column("uploaded_at", Float),
)

job_references = Table(
    "job_references",
    metadata,
    Column("job_id", String(32), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("reference_id", String(64), nullable=False, index=True),
)

moves = Table(
    "moves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", String(32), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("at", Float, nullable=False),
)

sends = Table(
    "sends",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", String(32), nullable=False, index=True),
    Column("person", String(200), nullable=False),
    Column("at", Float, nullable=False, index=True),
    Column("answered_at", Float, index=True),
)

job_tags = Table(
    "job_tags",
    metadata,
    Column("job_id", String(32), primary_key=True),
    Column("tag", String(40), primary_key=True, index=True),
    Column("at", Float),
    Column("person", String(200)),
)

templates = Table(
    "templates",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("prompt", Text, nullable=False),
    Column("person", String(200), nullable=False),
    Column("changed_at", Float, nullable=False),
)

template_stars = Table(
    "template_stars",
    metadata,
    Column("template_id", String(32), primary_key=True),
    Column("person", String(200), primary_key=True),
)

presets = Table(
    "presets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(80), nullable=False),
    Column("name", String(80), nullable=False),
    Column("aspect_ratio", String(8), nullable=False),
    Column("resolution", String(8), nullable=False),
    Column("output_format", String(8), nullable=False),
    Column("images", Integer, nullable=False),
    Column("person", String(200), nullable=False),
    Column("changed_at", Float, nullable=False),
    UniqueConstraint("project", "name"),
)

drafts = Table(
    "drafts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("content", Text, nullable=False),
    Column("changed_at", Float, nullable=False, index=True),
)

balances = Table(
    "balances",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("credits", Float, nullable=False),
    Column("at", Float, nullable=False, index=True),
)

brakes = Table(
    "brakes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("failures", Integer, nullable=False, default=0),
    Column("problem", String(40)),
    Column("detail", Text),
    Column("since", Float),
    Column("try_at", Float),
    Column("probed", Integer, nullable=False, default=0),
)

servers = Table(
    "servers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("seen_at", Float, nullable=False),
)

parcels = Table(
    "parcels",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("content", Text, nullable=False),
    Column("made_at", Float, nullable=False, index=True),
)

meta = Table("meta", metadata, Column("name", String(40), primary_key=True), Column("value", Text, nullable=False))


def make(engine: Engine) -> None:
    """Make what is missing: tables, and columns and indexes that a later version added to an older database."""
    with engine.begin() as connection:
        name, made = engine.dialect.name, ()
        if not inspect(connection).get_table_names():
            made = _from_nothing(name)
        else:
            metadata.create_all(connection)
            _add_what_is_missing(connection)
        for statement in (*made, *_VERSIONS.get(name, ()), *fulltext.statements(name)):
            connection.exec_driver_sql(statement)


@functools.cache
def _from_nothing(dialect: str) -> Sequence[str]:
    """Return what makes all tables and indexes in an empty database, as text: most of the time goes into writing it."""
    made: list[str] = []
    writing = create_mock_engine(f"{dialect}://", lambda statement, _: made.append(str(statement.compile(writing))))
    metadata.create_all(writing, checkfirst=False)
    return made


def _add_what_is_missing(connection: Connection) -> None:
    present = inspect(connection)
    for table in metadata.sorted_tables:
        known = {column["name"] for column in present.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                added = CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f'ALTER TABLE "{table.name}" ADD COLUMN {added}')
        indexed = {index["name"] for index in present.get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in indexed:
                index.create(connection)


# Whatever changes a job, in whatever way, gives it a new version: higher than any before (SQLite), or the number of the
# transaction (PostgreSQL, whose transactions don't end in their order). kie/catalogue.py reads it.
_SHOWN = (
    "person, project, state, credits, task_id, problem, settled, duration_s, starred_at, verdict, binned_at, emptied_at"
)
_RAISE = "UPDATE jobs SET version = (SELECT coalesce(max(version), 0) + 1 FROM jobs) WHERE id ="
_MOMENTS = {
    "jobs_added": ("INSERT ON jobs", "new.id"),
    "jobs_changed": (f"UPDATE OF {_SHOWN} ON jobs", "new.id"),
    "job_tags_added": ("INSERT ON job_tags", "new.job_id"),
    "job_tags_removed": ("DELETE ON job_tags", "old.job_id"),
}
_VERSIONS = {
    "sqlite": [
        statement
        for name, (moment, job_id) in _MOMENTS.items()
        for statement in (
            f"DROP TRIGGER IF EXISTS {name}",
            f"CREATE TRIGGER {name} AFTER {moment} BEGIN {_RAISE} {job_id}; END",
        )
    ],
    "postgresql": [
        """CREATE OR REPLACE FUNCTION jobs_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.version := txid_current(); RETURN NEW; END $$""",
        f"""CREATE OR REPLACE TRIGGER jobs_changed BEFORE INSERT OR UPDATE OF {_SHOWN}, version ON jobs
            FOR EACH ROW EXECUTE FUNCTION jobs_changed()""",
        """CREATE OR REPLACE FUNCTION job_tags_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE jobs SET version = 0 WHERE id IN (NEW.job_id, OLD.job_id); RETURN NULL; END $$""",
        """CREATE OR REPLACE TRIGGER job_tags_changed AFTER INSERT OR DELETE ON job_tags
            FOR EACH ROW EXECUTE FUNCTION job_tags_changed()""",
    ],
}
