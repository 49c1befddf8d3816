"""How long the studio waits and how often it tries. Lengths of time are in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """All intervals, timeouts, and limits in time. The defaults are for the service."""

    # HTTP requests: connecting, the head of a reply, its whole; the same for uploads and downloads.
    connect_s: float = 10.0
    read_s: float = 60.0
    reply_s: float = 60.0
    upload_read_s: float = 180.0
    fetch_s: float = 15 * 60.0
    # A download slower than `least_rate` bytes/s after `slow_after_s` is aborted and retried later, to free the thread for another job.
    slow_after_s: float = 30.0
    least_rate: float = 10_000.0

    # Polls of a task without a polling plan: at first, after minutes, and once per minute after `patient_s`.
    first_poll_s: float = 2.0
    slowest_poll_s: float = 10.0
    patient_s: float = 15 * 60.0
    # A day of polls, while the studio runs: about 110 until `patient_s`.
    polls: int = 110 + (24 * 60 - 15)
    polls_after_start: int = 20
    # A new task may not be visible at once; the slowest one took some seconds.
    unseen_s: float = 90.0
    # The service withdrew timeouts within about a minute; a timeout is final after ten minutes of polls.
    timeout_pause_s: float = 20.0
    timeout_polls: int = 30
    # A candidate task of an unsure job is considered unknown after 90 seconds of polls.
    candidate_polls: int = 45
    # Retries of a download, of uploads, and of a step that failed unexpectedly.
    fetch_retry_s: float = 2.0
    upload_retries_s: tuple[float, ...] = (2.0, 6.0)
    after_a_bug_s: float = 30.0

    # The scheduler. With hundreds of open jobs a step ends every few milliseconds; free threads are assigned together.
    rounds_apart_s: float = 0.1
    heartbeat_s: float = 3.0
    balance_retry_s: float = 60.0
    stop_s: float = 4.5
    key_check_s: float = 1.0

    # The service accepts 20 new tasks in any 10 seconds per account. Two tasks and half a second are kept as a margin.
    sends_limit: int = 18
    sends_window_s: float = 10.5
    # A paid request whose server was killed counts until no network would still deliver it.
    send_lost_s: float = 180.0
    # The jobs of a server that was silent for so long are free for others.
    server_life_s: float = 10.0
    # Pauses of the circuit breaker.
    first_pause_s: float = 10.0
    longest_pause_s: float = 300.0

    # A click on a dialog's button sooner than this is the second click of the one that opened it.
    confirm_after_s: float = 0.4
