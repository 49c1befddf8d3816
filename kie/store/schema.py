"""The database schema. Times are Unix seconds, ids (except `task_id`) are our own in hex, file names are relative to the data folder.

jobs ──< job_references >── references        one row per requested picture; its references in order
  ├──< job_tags                               tags
  ├──< moves                                  every state with its time
  └──< sends                                  every paid request, for the rate limiter
templates ──< template_stars                  prompt templates
presets    drafts                             settings by project; a batch table that is not submitted yet
parcels                                       stored download requests that are too long for a URL
balances    servers    brakes    meta
"""

from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
)

from kie.history import fulltext
from kie.store import revisions

metadata = MetaData()

# Every column that kie/store/search.py reads, those of its order first: SQLite answers a search by this index alone, an
# eighth of the table. PostgreSQL limits the length of an index row, and reads the table with several processes.
_SEARCHED = (
    *("created_at", "variant", "id", "binned_at", "emptied_at", "state", "credits", "task_id", "problem", "settled"),
    *("candidate", "file", "person", "project", "aspect_ratio", "resolution", "output_format", "verdict", "starred_at"),
    *("width", "height", "file_kind", "has_references", "duration_s"),
)

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
    Column("failed_at", Float),
    Column("ended_at", Float),
    Column("paused_at", Float),
    Column("duration_s", Float),
    Column("next_at", Float),
    Column("attempts", Integer, nullable=False, default=0),
    Column("looks", Integer),
    Column("server", String(32)),
    Column("file", String(200)),
    Column("file_kind", String(8)),
    Column("file_bytes", Integer),
    Column("width", Integer),
    Column("height", Integer),
    Column("preview_problem", String(40)),
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
    Column("has_references", Boolean),
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
    Index("jobs_binned", "binned_at"),
    Index("jobs_history", *_SEARCHED).ddl_if(dialect="sqlite"),
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
    # When it was last added.
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
    Column("person", String(200), nullable=False),  # written, because existing tables require it, and not read
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
    Column("began", Float),
    Column("at", Float, nullable=False, index=True),
)

breakers = Table(
    "brakes",  # the name in existing databases
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

stored_requests = Table(
    "parcels",  # the name in existing databases
    metadata,
    Column("name", String(32), primary_key=True),
    Column("content", Text, nullable=False),
    Column("made_at", Float, nullable=False, index=True),
)

meta = Table("meta", metadata, Column("name", String(40), primary_key=True), Column("value", Text, nullable=False))


def make(engine: Engine) -> None:
    """Create the schema, or bring an older one to this version. `engine` is the one for writing: of several starting servers, only one does it.

    Raises SettingsInvalid for a database of a newer version.
    """
    with engine.begin() as connection:
        if inspect(connection).has_table(jobs.name):
            revisions.upgrade(connection)
        else:
            metadata.create_all(connection, checkfirst=False)
            revisions.mark_as_newest(connection)
        for statement in fulltext.STATEMENTS[engine.dialect.name]:
            connection.exec_driver_sql(statement)
