"""The store: everything that is persisted except files. Names its parts."""

import secrets
import time
from collections.abc import Callable

from sqlalchemy import insert, select

from kie.store.annotations import Annotations
from kie.store.breaker import Breaker
from kie.store.database import Database
from kie.store.exports import ExportRepository
from kie.store.inventory import Inventory
from kie.store.jobs import Jobs
from kie.store.ledger import Ledger
from kie.store.library import Library
from kie.store.queue import JobQueue
from kie.store.references import ReferenceRepository
from kie.store.schema import meta
from kie.store.search import JobSearch
from kie.store.submissions import SubmissionRepository
from kie.timing import Timing


class Store:
    """The store behind one URL. Can be used by several threads and several servers."""

    def __init__(self, url: str, timing: Timing = Timing(), annotated: Callable[[], object] = lambda: None):
        """Prepare the parts without connecting. `annotated` is called when annotations have changed.

        Raises SettingsInvalid for a URL that can't be used.
        """
        self.database = Database(url)
        self.jobs = Jobs(self.database)
        self.breaker = Breaker(self.database, timing)
        self.queue = JobQueue(self.database, self.breaker, timing)
        self.ledger = Ledger(self.database, timing)
        self.submissions = SubmissionRepository(self.database, self.ledger)
        self.references = ReferenceRepository(self.database)
        self.library = Library(self.database)
        self.search = JobSearch(self.database, self.jobs)
        self.annotations = Annotations(self.database, annotated)
        self.inventory = Inventory(self.database)
        self.exports = ExportRepository(self.database)

    def open(self) -> None:
        """Create or migrate the tables and register this server. Raises SettingsInvalid when the database can't be used."""
        self.database.open()
        self.library.forget_expired()
        self.queue.heartbeat(time.time())

    def close(self) -> None:
        """Release the leases of this server and close the database."""
        self.search.close()
        try:
            self.queue.release()
        finally:
            self.database.close()

    def secret(self) -> str:
        """Return the secret that signs links, created once per database."""
        with self.database.write() as db:
            found = db.scalar(select(meta.c.value).where(meta.c.name == "secret"))
            if found is None:
                found = secrets.token_hex(32)
                db.execute(insert(meta).values(name="secret", value=found))
            return found
