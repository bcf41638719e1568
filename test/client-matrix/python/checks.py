"""Runs checks and prints one line for each: `ok NAME`, `not ok NAME: why`, `none NAME: why`."""

import signal
import sys
import time

CHECK_SECONDS_MAX = 40
BOOTSTRAP, PREFIX = sys.argv[1:3]


class Missing(Exception):
    """The client does not have what the check is about."""


class _TooLong(BaseException):
    """Not an Exception: what retries on every error of a library must not swallow it."""


def _too_long(_signal, _frame):
    raise _TooLong(f"not over within {CHECK_SECONDS_MAX} s")


def run(checks):
    """Runs (name, function) pairs one after the other, each with the name of a topic of its own."""
    signal.signal(signal.SIGALRM, _too_long)
    for name, body in checks:
        signal.alarm(CHECK_SECONDS_MAX)
        try:
            body(f"{PREFIX}-{name}")
            print(f"ok {name}", flush=True)
        except Missing as why:
            print(f"none {name}: {why}", flush=True)
        except (Exception, _TooLong) as problem:
            words = " ".join(f"{type(problem).__name__}: {problem}".split())
            print(f"not ok {name}: {words}", flush=True)
        finally:
            signal.alarm(0)


def same(wanted, found):
    if wanted != found:
        raise AssertionError(f"{found!r} in place of {wanted!r}"[:300])


def until(what, holds, seconds=20):
    """Asks again and again, since a client learns of a change only by and by."""
    give_up_at = time.monotonic() + seconds
    while True:
        if holds():
            return
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not in time: {what}")
        time.sleep(0.05)


def now_ms():
    return int(time.time() * 1000)


def values(count, text="value"):
    return [f"{text} {at}".encode() for at in range(count)]
