"""What only PostgreSQL can do to the store: other defaults, a connection that is cut, a full disk, a server that turns people away."""

import re
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine, text

from kie.errors import NotRecorded, SettingsInvalid
from kie.generation import Submission, SubmissionItem
from kie.jobs import State
from kie.recording import recording
from kie.store import Store
from tests.support.postgresql import POSTGRESQL
from tests.support.rows import LIGHTHOUSE, NOW, ask, job_in, opened
from tests.support.server import ROOT

pytestmark = POSTGRESQL
PRESS = Submission("Ann", "pressed", (SubmissionItem(LIGHTHOUSE, price=18.0),))
SHOWN = ("synchronous_commit", "transaction_isolation", "transaction_read_only", "lock_timeout")


@pytest.fixture
def order(url: str) -> Iterator[Callable[[str], None]]:
    """Gives the server an order, as its owner does."""
    engine = create_engine(url.rpartition("/")[0] + "/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as db:
        yield lambda statement: db.execute(text(statement.format(name=url.rpartition("/")[2])))
    engine.dispose()


def test_a_committed_row_is_on_the_disk_and_a_writer_sees_the_one_before_whatever_the_server_s_defaults_are(
    url: str, order: Callable[[str], None]
) -> None:
    order("ALTER DATABASE {name} SET synchronous_commit = off")
    order("ALTER DATABASE {name} SET default_transaction_isolation = serializable")
    for store in opened(url):
        for _ in range(2):  # a connection that has been used for the other purpose, too
            with store.database.write(busy_s=2) as db:
                shown = [db.scalar(text(f"SHOW {name}")) for name in SHOWN]
                assert shown == ["on", "read committed", "off", "2s"]
            with store.database.read() as db:
                assert [db.scalar(text(f"SHOW {name}")) for name in SHOWN[1:3]] == ["repeatable read", "on"]


def test_a_press_whose_connection_is_cut_is_not_recorded_and_the_next_one_is(
    store: Store, order: Callable[[str], None]
) -> None:
    with pytest.raises(NotRecorded, match="can't be reached"), recording(), store.database.write() as db:
        pid = db.scalar(text("SELECT pg_backend_pid()"))
        order(f"SELECT pg_terminate_backend({pid})")
        db.execute(text("UPDATE jobs SET note = 'never'"))
    store.submissions.add(PRESS, NOW)
    assert len(store.jobs.of_submission("pressed")) == 1


def test_the_statements_of_the_readme_keep_a_restored_database_from_sending_anything(store: Store) -> None:
    made = {state: job_in(store, state) for state in (State.QUEUED, State.UPLOADING, State.SENDING, State.RUNNING)}
    [statements] = re.findall(r"```sql\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    with store.database.write() as db:
        for statement in filter(str.strip, statements.split(";")):
            db.execute(text(statement))
    states = [store.jobs.get(job.id).state for job in made.values()]
    assert states == [State.CANCELLED, State.CANCELLED, State.UNSURE, State.RUNNING]
    assert store.jobs.get(made[State.QUEUED].id).problem == "RestoredUnsent"
    assert store.queue.next_turn(NOW) is None


def test_a_press_at_a_server_that_turns_it_away_is_not_recorded(
    url: str, store: Store, order: Callable[[str], None]
) -> None:
    ask(store)
    order("ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    order("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    with pytest.raises(NotRecorded, match="can't be reached"):
        store.submissions.add(PRESS, NOW)
    with pytest.raises(SettingsInvalid, match="not currently accepting connections"):
        Store(url).open()
    order("ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert store.jobs.of_submission("pressed") == []


@pytest.mark.parametrize(
    ("state", "reason"),
    [("53100", "the disk is full"), ("53200", "takes nothing at the moment"), ("25006", "can only be read")],
)
def test_a_press_that_the_server_can_not_take_is_not_recorded_and_says_why(
    store: Store, state: str, reason: str
) -> None:
    raising = f"BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END"
    with store.database.write() as db:
        db.execute(text(f"CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS $${raising}$$"))
        db.execute(text("CREATE TRIGGER refused BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION refused()"))
    with pytest.raises(NotRecorded, match=reason):
        store.submissions.add(PRESS, NOW)
    assert store.jobs.of_submission("pressed") == []
