"""How long to wait before a job's next step, and for how long at all."""

FIRST_LOOK_S = 2.0
SLOWEST_LOOK_S = 10.0
# A new task may not be visible at once; the slowest came after some seconds.
UNSEEN_S = 90.0
PATIENT_S = 15 * 60.0
LOOKS_END_S = 24 * 3600.0
FETCH_RETRY_S = 2.0
# The service took time-outs back within a minute or so: believed after ten minutes of looking.
TIME_OUT_PAUSE_S = 20.0
TIME_OUT_LOOKS = 30
# A task that was named for an unsure job is believed to be unknown after a minute and a half.
NAMED_LOOKS = 45
UPLOAD_RETRIES_S = (2.0, 6.0)
AFTER_A_BUG_S = 30.0


def next_look(age_s: float) -> float | None:
    """Return the seconds until a task of this age is looked at again: 2 at first, 10 at most, a minute after 15, then never."""
    if age_s < PATIENT_S:
        return min(SLOWEST_LOOK_S, FIRST_LOOK_S + age_s / 30)
    return 60.0 if age_s < LOOKS_END_S else None


def next_fetch(age_s: float, attempts: int) -> float | None:
    """Return the seconds until a picture that could not be fetched is tried again: twice as long each time, a minute at most."""
    wait_s = next_look(age_s)
    return None if wait_s is None else max(wait_s, min(60.0, FETCH_RETRY_S * 2 ** min(attempts, 10)))
