"""Signed addresses for files, so that a page can show a picture and a stranger can't guess one.

    /app/static/pictures/<kind, id and hour, signed>

    /callback/<job, signed>

    /take/<what is taken away and hour, signed>

A picture's address stays the same within the hour, so that browsers keep what they have, and ends after a day. A callback's address is the
same for as long as the job lives, since the service may call late.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer

# The only relative address that Streamlit's image elements take.
PREFIX = "/app/static/pictures/"
CALLBACKS = "/callback/"
TAKE_ONE, TAKE_ZIP, TAKE_LIST = "/take/", "/take-zip/", "/take-list/"
HOURS_VALID = 24


@dataclass(frozen=True)
class Offer:
    """A file that may be handed out."""

    path: Path
    mime_type: str


class Links:
    """Makes and reads the addresses with one secret and one clock (Unix seconds)."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time):
        self._serializer, self._clock = URLSafeSerializer(secret, salt="picture"), clock
        self._callbacks = URLSafeSerializer(secret, salt="callback")
        self._takes = URLSafeSerializer(secret, salt="take")

    def address(self, kind: str, owner_id: str) -> str:
        """Return the address of a file by kind and id."""
        return PREFIX + self._serializer.dumps([kind, owner_id, self._hour()])

    def read(self, token: str) -> tuple[str, str] | None:
        """Return kind and id of a token, or None when it is forged or too old."""
        try:
            kind, owner_id, hour = self._serializer.loads(token)
        except (BadSignature, ValueError):
            return None
        return (kind, owner_id) if 0 <= self._hour() - hour < HOURS_VALID else None

    def callback_token(self, job_id: str) -> str:
        """Return what stands in the address that the service calls for this job: nobody can guess or change it."""
        return self._callbacks.dumps(job_id)

    def read_callback(self, token: str) -> str | None:
        """Return the job of a callback's token, or None when it is forged."""
        try:
            return str(self._callbacks.loads(token))
        except (BadSignature, ValueError):
            return None

    def take_token(self, asked: list[Any]) -> str:
        """Return what stands in the address of something to take away: values that JSON has. It ends after a day."""
        return self._takes.dumps([self._hour(), asked])

    def read_take(self, token: str) -> list[Any] | None:
        """Return what a token stands for, or None when it is forged or too old."""
        try:
            hour, asked = self._takes.loads(token)
        except (BadSignature, ValueError):
            return None
        return asked if 0 <= self._hour() - hour < HOURS_VALID else None

    def _hour(self) -> int:
        return int(self._clock() // 3600)
