"""The jobs of one browser session, kept in any mapping (`st.session_state` is one).

    {"job_ids": ["newest", …, "oldest"]}

Only ids are kept: what is true of a job is read from the store each time.
"""

import secrets
from collections.abc import Iterable, MutableMapping
from typing import Any

IDS = "job_ids"
PRESS = "last_press"


class SessionJobs:
    """The ids of the jobs that this session shows, newest first, each once."""

    def __init__(self, mapping: MutableMapping[Any, Any]):
        self._mapping = mapping

    @property
    def ids(self) -> list[str]:
        """The ids, newest first."""
        return list(self._mapping.get(IDS, ()))

    def add(self, ids: Iterable[str]) -> None:
        """Put these in front; what is there already is not doubled."""
        new = list(dict.fromkeys(ids))
        self._mapping[IDS] = new + [identifier for identifier in self.ids if identifier not in new]

    def restore(self, ids: Iterable[str]) -> None:
        """Put these behind those that are there, as a new session of the same person begins with them."""
        self._mapping[IDS] = list(dict.fromkeys([*self.ids, *ids]))

    def forget(self, job_id: str) -> None:
        """Stop showing a job. It stays in the history."""
        self._mapping[IDS] = [identifier for identifier in self.ids if identifier != job_id]


class Presses:
    """One submit id for each press of Generate: a double click, or a click that the browser sends again, is one press.

        {"last_press": (request, submit_id, seconds when its result was shown, or None)}

    The same request counts as the same press until the page has stood for `DOUBLE_S` with its result.
    """

    DOUBLE_S = 1.5

    def __init__(self, mapping: MutableMapping[Any, Any]):
        self._mapping = mapping

    def submit_id(self, request: object, now_s: float) -> str:
        """Return the id for a press of this request at this moment of a clock that only goes forward."""
        if PRESS in self._mapping:
            last_request, last_id, shown_s = self._mapping[PRESS]
            if request == last_request and (shown_s is None or now_s - shown_s < self.DOUBLE_S):
                return last_id
        submit_id = secrets.token_hex(16)
        self._mapping[PRESS] = (request, submit_id, None)
        return submit_id

    def shown(self, now_s: float) -> None:
        """Note that the page shows what the last press did: only from here on a second click can be meant."""
        request, submit_id, shown_s = self._mapping.get(PRESS, (None, "", now_s))
        if shown_s is None:
            self._mapping[PRESS] = (request, submit_id, now_s)
