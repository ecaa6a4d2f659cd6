# SPDX-License-Identifier: Apache-2.0
"""Histories of calls, and whether one order of single steps explains them (linearizability).

A slot is an email: nobody has it, or one user does. Clients create, get, update and delete at the same time; each call took
effect, as far as it did, at one moment between its beginning and its end. A write that ended in doubt may have taken effect
at any moment after its beginning, or never.
"""
import math
from typing import NamedTuple, Optional

ABSENT = (None, None)  # the state of a slot: id and name
UNKNOWN = -1  # the id of a create in doubt


class Call(NamedTuple):
    verb: str  # create, get, update, delete
    user_id: Optional[int]  # asked for; of a create: made
    name: Optional[str]  # written; of a get: read, None: not found
    code: str  # "OK", or what the service refused with; "?": in doubt
    begin: float
    end: float


def step(call, state):
    """The state that the call leaves the slot in; None: it cannot have happened there, or did nothing that matters."""
    user_id, name = state
    here = state != ABSENT and user_id == call.user_id
    if call.verb == "get":
        return state if call.name == (name if here else None) else None
    if call.verb == "create":
        if call.code == "ALREADY_EXISTS":
            return state if state != ABSENT else None
        return (UNKNOWN if call.code == "?" else call.user_id, call.name) if state == ABSENT else None
    if call.code == "NOT_FOUND":
        return None if here else state
    return ((user_id, call.name) if call.verb == "update" else ABSENT) if here else None


def matters(call, read):
    """An update in doubt that nobody has read may as well not have happened."""
    return call.code != "?" or call.verb != "update" or call.name in read


def explain(calls):
    """Whether an order exists (Wing and Gong's search, which remembers where it has been). What fits and changes nothing is
    taken at once: that never bars another call's way."""
    read = {call.name for call in calls if call.verb == "get"}
    calls = sorted((call for call in calls if matters(call, read)), key=lambda call: call.begin)
    certain = sum(1 << place for place, call in enumerate(calls) if call.code != "?")
    seen = set()
    stack = [(0, ABSENT)]
    while stack:
        done, state = stack.pop()
        if done & certain == certain:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        soonest = min(call.end for place, call in enumerate(calls) if call.code != "?" and not done >> place & 1)
        nexts = []
        for place, call in enumerate(calls):
            if call.begin > soonest:
                break
            after = None if done >> place & 1 else step(call, state)
            if after == state:
                nexts = [(done | 1 << place, state)]
                break
            if after is not None:
                nexts.append((done | 1 << place, after))
        stack.extend(nexts)
    return False


def stale_for(calls):
    """By how many seconds the oldest thing that was read was out of date: a get counts from the end of the write that had
    replaced what it read. What nobody has written counts as infinite."""
    worst = 0.0
    for get in (call for call in calls if call.verb == "get" and call.name is not None):
        written = [c for c in calls if c.verb in ("create", "update") and c.name == get.name and c.begin <= get.end]
        if not written:
            return math.inf
        over = [
            c.end for c in calls
            if c.verb in ("update", "delete") and c.code == "OK" and c.user_id == get.user_id and c.begin > written[0].end
        ]
        if written[0].code == "OK" and over:
            worst = max(worst, get.begin - min(over))
    return worst
