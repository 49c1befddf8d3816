"""Signed URLs for files, callbacks and downloads.

    /app/static/pictures/<signed: kind, id, hour>
    /callback/<signed: job>
    /take/<signed: what to download, hour>

The URL of a picture stays the same within an hour, so that browsers can cache it, and expires after a day. The URL of a
callback does not expire, because the service may call late.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer

# The only relative URLs that Streamlit's image elements accept.
PREFIX = "/app/static/pictures/"
CALLBACKS = "/callback/"
TAKE_ONE, TAKE_ZIP, TAKE_LIST = "/take/", "/take-zip/", "/take-list/"
HOURS_VALID = 24


@dataclass(frozen=True)
class ServedFile:
    """A file that may be served."""

    path: Path
    mime_type: str


class SignedUrls:
    """Creates and verifies signed URLs with one secret. `clock` returns Unix seconds."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time):
        self._serializer, self._clock = URLSafeSerializer(secret, salt="picture"), clock
        self._callbacks = URLSafeSerializer(secret, salt="callback")
        self._takes = URLSafeSerializer(secret, salt="take")

    def address(self, kind: str, owner_id: str) -> str:
        """Return the URL of a file, given its kind and id."""
        return PREFIX + self._serializer.dumps([kind, owner_id, self._hour()])

    def read(self, token: str) -> tuple[str, str] | None:
        """Return the kind and id in a token, or None when it is invalid or expired."""
        try:
            kind, owner_id, hour = self._serializer.loads(token)
        except (BadSignature, ValueError):
            return None
        return (kind, owner_id) if self._is_valid(hour) else None

    def callback_token(self, job_id: str) -> str:
        """Return the signed token for a job's callback URL."""
        return self._callbacks.dumps(job_id)

    def read_callback(self, token: str) -> str | None:
        """Return the job id in a callback token, or None when it is invalid."""
        try:
            return str(self._callbacks.loads(token))
        except (BadSignature, ValueError):
            return None

    def take_token(self, request: list[Any]) -> str:
        """Return the signed token of a download, valid for a day. `request` consists of JSON values."""
        return self._takes.dumps([self._hour(), request])

    def read_take(self, token: str) -> list[Any] | None:
        """Return the values in a token, or None when it is invalid or expired."""
        try:
            hour, request = self._takes.loads(token)
        except (BadSignature, ValueError):
            return None
        return request if self._is_valid(hour) else None

    def _is_valid(self, hour: int) -> bool:
        """Return whether a link of this hour is valid. It may be of a later hour, since clocks are set back."""
        return abs(self._hour() - hour) < HOURS_VALID

    def _hour(self) -> int:
        return int(self._clock() // 3600)
