"""The jobs of one browser session, stored in a mapping such as `st.session_state`.

    {"job_ids": ["newest", …, "oldest"], "forgotten_ids": […]}

Only ids are stored; the state of a job is always read from the database.
"""

from collections.abc import Iterable, MutableMapping
from typing import Any

IDS, FORGOTTEN = "job_ids", "forgotten_ids"
LAST = "last_submission"


class SessionJobs:
    """The ids of the jobs shown in this session, newest first, without duplicates."""

    def __init__(self, mapping: MutableMapping[Any, Any]):
        self._mapping = mapping

    @property
    def ids(self) -> list[str]:
        """The ids, newest first."""
        return list(self._mapping.get(IDS, ()))

    @property
    def forgotten(self) -> list[str]:
        """The ids that were forgotten, the last at the end."""
        return list(self._mapping.get(FORGOTTEN, ()))

    def add(self, ids: Iterable[str]) -> None:
        """Add ids at the front, moving those that are in the list already."""
        new = list(dict.fromkeys(ids))
        self._mapping[IDS] = new + [identifier for identifier in self.ids if identifier not in new]

    def restore(self, ids: Iterable[str]) -> None:
        """Add ids at the end, for a new session of the same person."""
        self._mapping[IDS] = list(dict.fromkeys([*self.ids, *ids]))

    def forget(self, job_id: str) -> None:
        """Remove a job from the list, and remember that it is not to be shown. It stays in the history."""
        self._mapping[IDS] = [identifier for identifier in self.ids if identifier != job_id]
        self._mapping[FORGOTTEN] = [*self.forgotten, job_id]


class SubmitGuard:
    """One submit id per submission: a double click, or a click that the browser sends twice, gets the same id.

        {"last_submission": (request, submit_id, seconds when its result was shown, or None)}

    The same request counts as the same submission until the page has shown its result for `DOUBLE_S` seconds.
    """

    DOUBLE_S = 1.5

    def __init__(self, mapping: MutableMapping[Any, Any]):
        self._mapping = mapping

    def submit_id(self, request: object, now_s: float, new_id: str) -> str:
        """Return `new_id`, or the id of the last submission if this repeats it. `now_s` is a monotonic time in seconds."""
        if LAST in self._mapping:
            last_request, last_id, shown_s = self._mapping[LAST]
            if request == last_request and (shown_s is None or now_s - shown_s < self.DOUBLE_S):
                return last_id
        self._mapping[LAST] = (request, new_id, None)
        return new_id

    def shown(self, now_s: float) -> None:
        """Record that the page shows the result of the last submission. From now on, a repeated click may be intended."""
        request, submit_id, shown_s = self._mapping.get(LAST, (None, "", now_s))
        if shown_s is None:
            self._mapping[LAST] = (request, submit_id, now_s)
