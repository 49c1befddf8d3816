"""The exceptions, grouped by the question "was it charged?".

    StudioError
    ├── NothingSpent                 no task was created
    │   ├── RequestInvalid           the request has faults
    │   ├── FileRefused              a file can't be used as a reference
    │   ├── TableRefused             a file or the clipboard has no usable table
    │   │   └── EncodingUnsure       its letters can be read in two ways
    │   ├── CreditsUnavailable       too few credits are free
    │   ├── NameTaken                a template or preset of this name exists
    │   ├── NoRoom                   the disk is nearly full
    │   ├── NotRecorded              the database could not be written: locked, or disk full
    │   ├── SettingsInvalid          the studio can't start with these settings
    │   ├── KeyMissing
    │   ├── Unreachable              no connection could be made
    │   ├── UploadFailed
    │   ├── NeverRan                 a person stated that the task of an unsure job does not exist
    │   ├── RestoredUnsent           the job was queued when its backup was made
    │   ├── MaintenanceFailed        a check, backup or restore could not be done
    │   ├── DecoderClosed            the studio stopped while a picture was being decoded
    │   └── Refused                  the service refused the request
    │       ├── RequestFiltered      the service's content filter refused the request
    │       ├── KeyRefused           401
    │       ├── CreditsShort         402, or a 429 that mentions credits
    │       ├── TooManyRequests      429: the only refusal after which the job is sent again
    │       ├── ServicePaused        433, 455, 505
    │       └── Blocked              403 by the network in front of the service
    ├── NothingLearned               a read from the service failed; says nothing about any task
    ├── MaybeSpent
    │   ├── Unsure                   the reply to the paid request was lost
    │   ├── TaskUnknown              the candidate task of an unsure job does not exist
    │   ├── TaskOfAnother            the candidate task carries another request
    │   └── SilentForADay            the service has reported no result for a day
    ├── SpentAndWaiting              the task exists, its picture is not here yet
    │   ├── TaskNotFound
    │   ├── PictureMissing
    │   ├── PictureNotFetched
    │   ├── PictureUnreadable
    │   ├── PictureNotSaved
    │   ├── NotFetchedForADay        the program stopped fetching; only a person can retry
    │   ├── PictureTooLarge          larger than what is downloaded; only a person can retry
    │   ├── FileMissing              the file is gone from our disk
    │   └── TimedOutThere
    ├── SpentAndKept                 the picture is complete on our disk but can't be displayed
    │   ├── TooLargeToShow           too many pixels or too much memory to decode
    │   └── TooSlowToShow            decoding takes too long
    └── GivenBack                    the task ended without a picture
        ├── TaskFailed
        ├── Moderated
        └── GivenUp                  a person gave the picture up

The docstring of a class is the sentence that people read. It names no credits: an error is also met where none could move.
`detail` is the service's message, `code` its error code.
"""


class StudioError(Exception):
    """Something went wrong: look at the Account page."""

    # Whether the sentence is the detail instead of the docstring.
    shows_detail = False

    def __init__(self, detail: str = "", code: str | None = None):
        super().__init__(detail)
        self.detail = detail
        self.code = code

    @property
    def sentence(self) -> str:
        """What happened, and what to do now. What it cost is said from the job's row: `format.charged`."""
        return self.detail if self.shows_detail else sentence(type(self).__name__)


class NothingSpent(StudioError):
    """That could not be done: try again."""


class RequestInvalid(NothingSpent):
    """The request has errors, so nothing was sent: fix what is marked and press again."""

    def __init__(self, faults: list):
        super().__init__(" ".join(f"{fault.field}: {fault.sentence}" for fault in faults))
        self.faults = faults


class FileRefused(NothingSpent):
    """A reference can't be sent: add it again, or choose another picture."""

    shows_detail = True


class TableRefused(NothingSpent):
    """This table can't be used: choose another file or paste the cells."""

    shows_detail = True


class EncodingUnsure(TableRefused):
    """The encoding of this file is not certain: choose one."""

    def __init__(self, detail: str, guesses: tuple):
        super().__init__(detail)
        self.guesses = guesses


class CreditsUnavailable(NothingSpent):
    """Too few credits are available for this, so nothing was sent: ask for fewer pictures, or top up the account."""

    def __init__(self, needed: float, free: float):
        super().__init__(f"{needed:g} needed, {max(0.0, free):g} available")


class NameTaken(NothingSpent):
    """There is one of this name already, so nothing was saved: choose another name."""


class NoRoom(NothingSpent):
    """The server's disk is nearly full, so nothing was saved: make room on it and try again."""


class NotRecorded(NothingSpent):
    """Nothing was sent or changed, since the studio's database could not be written: try again in a moment."""


class SettingsInvalid(NothingSpent):
    """A setting can't be used: correct it and start the studio again."""


class KeyMissing(NothingSpent):
    """There is no usable key: put the key into config/kie_key.txt."""


class Unreachable(NothingSpent):
    """The service could not be reached: check the network and try again."""


class UploadFailed(NothingSpent):
    """A reference could not be uploaded, so no task was created: try again."""


class Refused(NothingSpent):
    """The service refused the request: read its reason below, change the request and try again."""


class RequestFiltered(Refused):
    """The service's content filter refused this request: change the prompt or the references."""


class KeyRefused(Refused):
    """The service refused the key: put a valid key into config/kie_key.txt and try again."""


class CreditsShort(Refused):
    """There are not enough credits for this picture: top up the account or choose a lower resolution."""


class TooManyRequests(Refused):
    """The service's rate limit is reached: the job is sent again by itself."""


class ServicePaused(Refused):
    """The service accepts no tasks for this key at the moment: try again later."""


class Blocked(Refused):
    """A network in front of the service refused the request: try again in a few minutes."""


class NothingLearned(StudioError):
    """The service gave no usable answer: it is asked again by itself."""


class MaybeSpent(StudioError):
    """It is not known whether the task exists, so it is not sent again: look at the service's log page, kie.ai/logs."""


class Unsure(MaybeSpent):
    """The service did not confirm this request, so it is not sent again: find its task on kie.ai/logs and link it in Account."""


class TaskUnknown(MaybeSpent):
    """The service does not know the task id that was entered, so nothing is sent again: find the id on kie.ai/logs."""


class TaskOfAnother(MaybeSpent):
    """The task id that was entered belongs to another request, so nothing is sent again: find the id on kie.ai/logs."""


class SilentForADay(MaybeSpent):
    """The service has reported no result for a day, so it is not asked again by itself: press Check again in Account."""


class SpentAndWaiting(StudioError):
    """The picture is still to come: it is checked again by itself."""


class TaskNotFound(SpentAndWaiting):
    """The service does not show the task: it is checked again by itself."""


class PictureMissing(SpentAndWaiting):
    """The service finished but sent no picture: it is checked again by itself."""


class PictureNotFetched(SpentAndWaiting):
    """The picture could not be downloaded yet: it is downloaded again by itself."""


class PictureUnreadable(SpentAndWaiting):
    """The picture arrived broken: it is downloaded again by itself."""


class PictureNotSaved(SpentAndWaiting):
    """The picture could not be saved here: make room on the disk; it is downloaded again by itself."""


class NotFetchedForADay(SpentAndWaiting):
    """The picture could not be downloaded for a day and is not downloaded again by itself: press Download again in Account."""


class PictureTooLarge(SpentAndWaiting):
    """The picture is too large to be kept here, so it is not downloaded again by itself: find it on kie.ai/logs."""


class FileMissing(SpentAndWaiting):
    """The picture's file is gone from this server's disk: it is downloaded again by itself."""


class TimedOutThere(SpentAndWaiting):
    """The service reports a timeout, but may still deliver: the task is checked again for a while, and no new one is sent."""


class SpentAndKept(StudioError):
    """The picture is complete, but it can't be shown here: download it to look at it."""


class TooLargeToShow(SpentAndKept):
    """The picture is complete, but too large to be shown here: download it to look at it."""


class TooSlowToShow(SpentAndKept):
    """The picture is complete, but it takes too long to be decoded here: download it to look at it."""


class GivenBack(StudioError):
    """The task ended without a picture: try again."""


class TaskFailed(GivenBack):
    """The service could not make this picture: try again."""


class Moderated(GivenBack):
    """The service's content filter stopped this picture: change the prompt or the references."""


class GivenUp(GivenBack):
    """Somebody gave this picture up: send it again if it is still wanted."""


class NeverRan(NothingSpent):
    """A person found no task for this job: send it again as a new job, or choose “Review again” in its menu."""


class RestoredUnsent(NothingSpent):
    """It was restored from a backup and not sent: send it again if it is still wanted."""


class MaintenanceFailed(NothingSpent):
    """That could not be done with the data folder: read the reason and try again."""

    shows_detail = True


class DecoderClosed(NothingSpent):
    """The studio is stopping, so this picture was not checked: try again once it runs."""


def sentence(problem: str) -> str:
    """Return the sentence of an error by its class name, as stored in a job's row. Unknown names, of older versions, are allowed."""
    return _BY_NAME.get(problem, StudioError).__doc__ or ""


_BY_NAME = {name: kind for name, kind in list(globals().items()) if isinstance(kind, type)}
