"""Every timeout and retry of every step, spelled out once."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy

from activities.orders import NOT_NOW, OUTCOME_UNKNOWN

TASK_TIMEOUT = timedelta(seconds=2)
"""After which a workflow task of a dead worker goes to another one."""

# They never give up while the database or the venue is away; a workflow waits rather than guesses.
_PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=10),
)
# Local activities are reads and short writes in the worker itself. While one is tried again its
# workflow task is kept alive, which costs history: so waits above 2 s are timers of the server.
_PATIENT_HERE = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=20),
)


class LocalStep(TypedDict):
    """Options of a local activity."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    local_retry_threshold: timedelta


class RemoteStep(TypedDict):
    """Options of a full activity."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    heartbeat_timeout: timedelta | None


DECIDE = LocalStep(
    start_to_close_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(hours=24),
    retry_policy=_PATIENT_HERE,
    local_retry_threshold=timedelta(seconds=2),
)
RECORD = DECIDE

# Always the same signed bytes. An attempt that got no useful answer says itself when it wants the
# next (1 s, 2 s, 4 s); the intervals here follow a dead worker or an absent database, which are no
# fault of the venue's. HTTP total 2 s < start to close 8 s < schedule. Attempts that never came to
# a POST do not count: the records allow four copies (`POSTS_MAX`) until 12 s after the commit.
# Heartbeats around the wait at the gate and around the POST, 2 s at most each: a worker that died
# is noticed while the same bytes may still be sent again.
PLACE = RemoteStep(
    start_to_close_timeout=timedelta(seconds=8),
    schedule_to_close_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=500),
        backoff_coefficient=2.0,
        maximum_interval=timedelta(seconds=1),
        maximum_attempts=30,
    ),
    heartbeat_timeout=timedelta(seconds=3),
)
RETRIED_ANSWERS = (NOT_NOW, OUTCOME_UNKNOWN)

# Heartbeats between any two requests: an exit that is asked for waits for the review under way,
# so that a worker which dies in one must be noticed soon.
REVIEW = RemoteStep(
    start_to_close_timeout=timedelta(seconds=20),
    schedule_to_close_timeout=timedelta(hours=24),
    retry_policy=_PATIENT,
    heartbeat_timeout=timedelta(seconds=8),
)
NOTE = RemoteStep(
    start_to_close_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(hours=24),
    retry_policy=_PATIENT,
    heartbeat_timeout=None,
)

# Heartbeats between any two requests, so that a worker that dies while it cancels is noticed in
# 8 s: until another one goes on, the order may rest.
CANCEL = RemoteStep(
    start_to_close_timeout=timedelta(minutes=2),
    schedule_to_close_timeout=timedelta(hours=24),
    retry_policy=_PATIENT,
    heartbeat_timeout=timedelta(seconds=8),
)

# Waiting activities poll and heartbeat inside one attempt, between any two requests to the venue
# (5 s each at most); a dead worker is noticed in 8 s.
AWAIT = RemoteStep(
    start_to_close_timeout=timedelta(hours=24),
    schedule_to_close_timeout=timedelta(days=30),
    retry_policy=_PATIENT,
    heartbeat_timeout=timedelta(seconds=8),
)

# A sweep looks again and again for ten minutes and heartbeats at every order it looks at.
SWEEP = RemoteStep(
    start_to_close_timeout=timedelta(minutes=30),
    schedule_to_close_timeout=timedelta(hours=24),
    retry_policy=_PATIENT,
    heartbeat_timeout=timedelta(seconds=10),
)

# Tried again quickly: it may be the kill switch that waits for a database that is coming back.
GUARD = RemoteStep(
    start_to_close_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(hours=24),
    retry_policy=_PATIENT,
    heartbeat_timeout=None,
)
GUARD_LOOK_EVERY = timedelta(minutes=5)
GUARD_EVENTS_MAX = 2_000

# A step scores some wallets and heartbeats after each: a history has 40 pages of 5 s at most.
SCORE = RemoteStep(
    start_to_close_timeout=timedelta(hours=1),
    schedule_to_close_timeout=timedelta(hours=24),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=5),
        backoff_coefficient=2.0,
        maximum_interval=timedelta(minutes=5),
    ),
    heartbeat_timeout=timedelta(minutes=4),
)
SCORE_EVENTS_MAX = 600

HELD_ORDER_MAX = timedelta(seconds=5)
"""How long a committed order may be held: no longer than any is good for its first sending."""
EXIT_RETRY_FIRST = timedelta(seconds=1)
EXIT_RETRY_MAX = timedelta(seconds=30)
EXIT_PAGES_MIN = (1, 5, 15)
"""Minutes after which a person is called to an exit that is not done."""
PAGE_LATE_MAX = timedelta(minutes=1)
"""A page that is later than this was sent by an earlier run."""
IDLE_ROUNDS = 2
"""Rounds of an exit without an order after which a person is called."""
POSITION_EVENTS_MAX = 900
"""Events after which a position's workflow continues as new; a step under way takes < 100 more."""
