"""What can go wrong, split by the payer's question: was it charged?

    StudioError
    ├── NothingSpent                 no task was created
    │   ├── RequestInvalid           the form has faults
    │   ├── FileRefused              a reference can't be used
    │   ├── TableRefused             a file or the clipboard holds no table that can be used
    │   ├── CreditsHeld              what is free does not suffice
    │   ├── NameTaken                something is kept under this name
    │   ├── SettingsInvalid          the studio can't start like this
    │   ├── KeyMissing
    │   ├── Unreachable              no connection was made
    │   ├── UploadFailed
    │   ├── NeverRan                 a person's word about an unsure job
    │   ├── RestoredUnsent           it waited when the backup was made
    │   ├── KeepingFailed            a check, a backup or a restore could not be done
    │   └── Refused                  the service said no
    │       ├── KeyRefused           401
    │       ├── CreditsShort         402
    │       ├── TooManyRequests      429: the one after which the same job may be sent again
    │       ├── ServicePaused        433, 455, 505
    │       └── Blocked              403 by the network in front of the service
    ├── NothingLearned               a look at the service failed: says nothing about any task
    ├── MaybeSpent
    │   ├── Unsure                   the reply to the paid request was lost
    │   ├── TaskUnknown              the task that was named for an unsure job is not there
    │   ├── TaskOfAnother            the task that was named carries another request
    │   └── SilentForADay            the service never said what became of the task
    ├── SpentAndWaiting              the task exists; its picture is still to come
    │   ├── TaskNotFound
    │   ├── PictureMissing
    │   ├── PictureNotFetched
    │   ├── PictureUnreadable
    │   ├── PictureNotSaved
    │   ├── FileMissing              it was on our disk, and is not any more
    │   └── TimedOutThere
    └── GivenBack                    the task ended without a picture
        ├── TaskFailed
        ├── Moderated
        └── GivenUp                  a person's word

The docstring of a class is the sentence that the person reads; what the service said goes along as `detail`.
"""


class StudioError(Exception):
    """Something went wrong, and it is not known whether credits were spent: look at the Account page."""

    def __init__(self, detail: str = "", code: str | None = None):
        super().__init__(detail)
        self.detail = detail
        self.code = code

    @property
    def sentence(self) -> str:
        """What happened, whether credits were spent, and what to do now."""
        return sentence(type(self).__name__)


class NothingSpent(StudioError):
    """That could not be done; no credits were spent; try again."""


class RequestInvalid(NothingSpent):
    """The request has faults, so nothing was sent and no credits were spent: mend what is marked and press again."""

    def __init__(self, faults: list):
        super().__init__(" ".join(f"{fault.field}: {fault.sentence}" for fault in faults))
        self.faults = faults


class FileRefused(NothingSpent):
    """This file can't be used as a reference; nothing was sent and no credits were spent: choose another picture."""

    @property
    def sentence(self) -> str:
        """The reason for this very file."""
        return self.detail


class TableRefused(NothingSpent):
    """This table can't be used; nothing was sent and no credits were spent: choose another file or paste the cells."""

    @property
    def sentence(self) -> str:
        """The reason for this very table."""
        return self.detail


class CreditsHeld(NothingSpent):
    """Too few credits are free for this, so nothing was sent and no credits were spent: ask for fewer pictures, or top up the account."""

    def __init__(self, needed: float, free: float):
        super().__init__(f"{needed:g} needed, {max(0.0, free):g} free")
        self.needed = needed
        self.free = free


class NameTaken(NothingSpent):
    """There is one of this name already, so nothing was saved and no credits were spent: choose another name."""


class SettingsInvalid(NothingSpent):
    """A setting can't be used; no credits were spent: correct it and start the studio again."""


class KeyMissing(NothingSpent):
    """There is no usable key, so nothing was sent and no credits were spent: put the key into config/kie_key.txt."""


class Unreachable(NothingSpent):
    """The service could not be reached, so nothing was sent and no credits were spent: check the network and try again."""


class UploadFailed(NothingSpent):
    """A reference could not be uploaded, so no task was created and no credits were spent: try again."""


class Refused(NothingSpent):
    """The service refused the request, so no credits were spent: read its reason below, change the request and try again."""


class KeyRefused(Refused):
    """The service refused the key, so no credits were spent: put a valid key into config/kie_key.txt and try again."""


class CreditsShort(Refused):
    """There are not enough credits for this picture, so none were spent: top up the account or choose a lower resolution."""


class TooManyRequests(Refused):
    """The service takes no more tasks for a moment, so no credits were spent: the job is sent again by itself."""


class ServicePaused(Refused):
    """The service takes no tasks on this key at the moment, so no credits were spent: try again later."""


class Blocked(Refused):
    """A network in front of the service refused the request, so no credits were spent: try again in a few minutes."""


class NothingLearned(StudioError):
    """The service could not be asked just now; no credits were spent by asking, and it is asked again by itself."""


class MaybeSpent(StudioError):
    """Credits may have been spent, so the request is not sent again: look at the service's log page, kie.ai/logs."""


class Unsure(MaybeSpent):
    """The reply was lost, so credits may have been spent and it is not sent again: find the task on kie.ai/logs and paste its id."""


class TaskUnknown(MaybeSpent):
    """The service does not know the task id that was named; credits may have been spent, so nothing is sent again: find its id on kie.ai/logs."""


class TaskOfAnother(MaybeSpent):
    """The task id that was named belongs to another request; credits may have been spent, so nothing is sent again: find its id on kie.ai/logs."""


class SilentForADay(MaybeSpent):
    """The service has not said for a day what became of this task, which may be paid for: look again now, or give it up."""


class SpentAndWaiting(StudioError):
    """Credits were spent and the picture is still to come: it is looked for again by itself."""


class TaskNotFound(SpentAndWaiting):
    """The service does not show the task, which may be paid for: it is looked for again by itself, and you can look now."""


class PictureMissing(SpentAndWaiting):
    """The service finished but named no picture; credits were spent: it is looked at again by itself, and you can look now."""


class PictureNotFetched(SpentAndWaiting):
    """The picture is paid for but could not be downloaded yet: it is fetched again by itself, and you can fetch it now."""


class PictureUnreadable(SpentAndWaiting):
    """The picture is paid for but arrived broken: it is fetched again by itself, and you can fetch it now."""


class PictureNotSaved(SpentAndWaiting):
    """The picture is paid for but could not be saved here: make room on the disk; it is fetched again by itself."""


class FileMissing(SpentAndWaiting):
    """The paid picture's file is gone from this server's disk: it is fetched again by itself, and you can fetch it now."""


class TimedOutThere(SpentAndWaiting):
    """The service reports a time-out, which it sometimes takes back: the task is looked at again for a while, and no new one is paid for."""


class GivenBack(StudioError):
    """The task ended without a picture; the service gives the credits of such tasks back: try again."""


class TaskFailed(GivenBack):
    """The service could not make this picture; failed tasks cost nothing as a rule, and the cost is shown here: try again."""


class Moderated(GivenBack):
    """The service's content filter stopped this picture; such tasks cost nothing as a rule: change the prompt or the references."""


class GivenUp(GivenBack):
    """A person gave this picture up; any credits shown here stay spent: ask for it again if it is still wanted."""


class NeverRan(NothingSpent):
    """A person looked and said that this task never ran, so no credits were spent: send it as a new job, or say that it did run."""


class RestoredUnsent(NothingSpent):
    """It was restored from a backup, so it was not sent and no credits were spent: send it again if it is still wanted."""


class KeepingFailed(NothingSpent):
    """The data folder could not be looked after like this; no credits were spent: read the reason and try again."""

    @property
    def sentence(self) -> str:
        """The reason, in this very case."""
        return self.detail


def sentence(problem: str) -> str:
    """Return the sentence of an error by the name of its class, as a job's row keeps it, perhaps since an older version."""
    return _BY_NAME.get(problem, StudioError).__doc__ or ""


def _tree(root: type[StudioError]) -> list[type[StudioError]]:
    return [root] + [kind for child in root.__subclasses__() for kind in _tree(child)]


_BY_NAME = {kind.__name__: kind for kind in _tree(StudioError)}
