"""References: pictures that a person uploads or takes from the history."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from kie.errors import FileRefused
from kie.images import convert, inspect
from kie.images.headers import Picture
from kie.recording import recording
from kie.store import Reference
from kie.studio.context import Context
from kie.text import display_name

NOT_SAVED = "This picture could not be saved on the server's disk: tell whoever keeps the server."


class References:
    """Adds and finds references. A reference is decoded in the background after it was added."""

    def __init__(self, context: Context):
        self._context = context

    def add(self, name: str, source: Path | IO[bytes]) -> Reference:
        """Save an uploaded picture as a reference, converting it if the service does not accept it. It is decoded afterwards.

        A file in `incoming/` is moved or deleted, a stream is copied. A conversion waits for the decoder and may take a
        minute, so do not call this in a page's run. Raises FileRefused with the reason, OSError when the file can't be
        written, NotRecorded when the database can't, and DecoderClosed; nothing is saved then.
        """
        files, decoder = self._context.files, self._context.backend.decoder
        with ExitStack() as cleanup:
            part, sha256 = files.take_in(source)
            converted = files.incoming()
            cleanup.callback(files.discard, [part, converted])
            if seen := convert.accepted(part):
                return self._keep(name, part, sha256, seen)
            changed = decoder.convert(part, converted)
            return self._keep(name, *files.take_in(converted), inspect.measure(converted), changed)

    def _keep(self, name: str, part: Path, sha256: str, seen: Picture, changed: str | None = None) -> Reference:
        files, store = self._context.files, self._context.store
        with recording(), files.keeping_reference:
            known = store.references.get_many([sha256])
            recheck = any(each.refusal or not files.path(each.file).exists() for each in known)
            file = files.keep_reference(part, sha256, inspect.EXTENSIONS[seen.kind])
            found = (seen.kind, seen.width, seen.height, seen.bytes, file)
            reference = Reference(sha256, display_name(name), *found, time.time(), changed=changed)
            kept = store.references.add(reference, recheck)
        if kept.checked_at is None:
            self._context.tracker.check_reference(kept.id)
        return kept

    def add_result(self, job_id: str) -> Reference:
        """Save a done picture as a reference. Raises FileRefused when its file is missing or the service does not accept it."""
        files, job = self._context.files, self._context.store.jobs.get(job_id)
        path = files.path(job.file) if job and job.file else None
        if path is None or not path.exists():
            raise FileRefused("The picture's file is no longer on this server: choose another one.")
        if job.preview_problem:
            raise FileRefused(
                "This picture is more than can be decoded here: download it, save it smaller and add that."
            )
        try:
            seen = inspect.check_header(path)
            with path.open("rb") as stream:
                kept = self._keep(f"picture {job.id[:6]}{path.suffix}", *files.take_in(stream), seen)
            self._context.store.references.change(kept.id, job_id=job.id)
            return kept
        except OSError as error:
            raise FileRefused(NOT_SAVED) from error

    def is_here(self, reference: Reference) -> bool:
        """Return whether a reference's file exists."""
        return self._context.files.path(reference.file).exists()
