"""Signed URLs for files, callbacks and downloads.

    /app/static/pictures/<signed: kind, id, hour>
    /callback/<signed: job>
    /take/<signed: what to download, hour>

The URL of a picture stays the same within an hour, so that browsers can cache it, and expires after a day. The URL of a
callback does not expire, because the service may call late.
"""

import math
import time
from collections.abc import Callable
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer

# The only relative URLs that Streamlit's image elements accept.
PREFIX = "/app/static/pictures/"
CALLBACKS = "/callback/"
DOWNLOADS = "/take/"
HOURS_VALID = 24


class SignedUrls:
    """Creates and verifies signed URLs with one secret. `clock` returns Unix seconds."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time):
        salts = ("picture", "callback", "take")
        self._pictures, self._callbacks, self._downloads = (URLSafeSerializer(secret, salt=salt) for salt in salts)
        self._clock = clock

    def address(self, kind: str, owner_id: str) -> str:
        """Return the URL of a file, given its kind and id."""
        return PREFIX + self._pictures.dumps([kind, owner_id, self._hour()])

    def read(self, token: str) -> tuple[str, str] | None:
        """Return the kind and id in a token, or None when it is invalid or expired."""
        kind, owner_id, hour = _loaded(self._pictures, token) or ("", "", -math.inf)
        return (kind, owner_id) if self._is_valid(hour) else None

    def callback_token(self, job_id: str) -> str:
        """Return the signed token for a job's callback URL."""
        return self._callbacks.dumps(job_id)

    def read_callback(self, token: str) -> str | None:
        """Return the job id in a callback token, or None when it is invalid."""
        return _loaded(self._callbacks, token)

    def download_token(self, request: list[Any]) -> str:
        """Return the signed token of a download, valid for a day. `request` consists of JSON values."""
        return self._downloads.dumps([self._hour(), request])

    def read_download(self, token: str) -> list[Any] | None:
        """Return the values in a token, or None when it is invalid or expired."""
        hour, request = _loaded(self._downloads, token) or (-math.inf, None)
        return request if self._is_valid(hour) else None

    def _is_valid(self, hour: float) -> bool:
        """Return whether a link of this hour is valid. It may be of a later hour, since clocks are set back."""
        return abs(self._hour() - hour) < HOURS_VALID

    def _hour(self) -> int:
        return int(self._clock() // 3600)


def _loaded(serializer: URLSafeSerializer, token: str) -> Any:
    try:
        return serializer.loads(token)
    except (BadSignature, ValueError):
        return None
