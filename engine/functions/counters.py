"""What the energy counter of an inverter says was produced, for a database that has no function for it.

The function of PostgreSQL (migration 0010) must give the same answers, which a test compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

_TOLERANCE = 1.2  # inverters exceed their capacity for a while, and clocks and capacities are rounded
_SLACK = 1_000_000  # milliwatt-hours: one tick of a counter that counts whole kilowatt-hours
_JITTER = 100_000  # a counter that falls by no more, and by no more than a hundredth, was rounded
_HOUR = 3_600_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1)


class Reading(NamedTuple):
    """A moment in microseconds, and the counter in milliwatt-hours."""

    time: int
    counter: int


class Energy(NamedTuple):
    """What was counted and what was not, in milliwatt-hours, and how many values of the counter could not be followed."""

    counted: int
    uncounted: int
    faults: int


def count_energy(readings: Iterable[Reading], capacity_kw: float) -> Energy:
    """Add up the steps of a counter that the inverter could make; the readings come in the order of time.

    A step counts if the inverter could make it since the reading before. After one that it could not make there is a doubt:
    when a later reading follows the one before the doubt, and what lies between rose no more, that was a glitch, and is counted
    over. Else the counter goes on from there; a lower value was a restart, and counts from zero if that is possible. A zero is
    only a value if the next one could follow it. The sum is never more than the inverter could make in all that time.
    """
    course = _Course(capacity_kw)
    start = end = None
    for reading in readings:
        start, end = start or reading, reading
        course.take(reading)
    course.settle()
    counted, uncounted, faults = course.counted, course.uncounted, course.faults
    if course.last and course.last.counter:  # zeros alone are what a new counter says
        faults += course.zeros
    most = int(course.could_make(start, end)) + _SLACK if start and end else 0
    if counted > most:
        return Energy(most, uncounted + counted - most, faults + 1)
    return Energy(counted, uncounted, faults)


class _Course:
    """How a counter went so far."""

    def __init__(self, capacity_kw: float) -> None:
        #: what the inverter can produce, in milliwatts
        self.power = capacity_kw * 1_000_000 * _TOLERANCE
        self.counted = self.uncounted = self.faults = 0
        #: zeros since the last other value
        self.zeros = 0
        #: the newest value that is believed, and what was counted since the last doubt was settled
        self.last: Reading | None = None
        self.stretch = 0
        #: the first and the newest value of a doubt, how many there are, how much they rose, and the zeros before them
        self.first: Reading | None = None
        self.head: Reading | None = None
        self.size = self.rise = self.zeros_before = 0

    def take(self, here: Reading) -> None:
        """Go on to the next reading."""
        last = self.last
        if here.counter == 0:
            self.zeros += 1
            if last is None or last.counter == 0:
                self.last = here
        elif last is None:
            self.last = here
        elif last.counter == 0 and not self.follows(last, here):
            self.faults += self.zeros
            self.zeros, self.last = 0, here
        elif self.head is None:
            if self.follows(last, here):
                self.count(last, here)
                self.faults += self.zeros if last.counter else 0
                self.zeros = 0
            else:
                self.doubt(here)
        else:
            goes_on = self.follows(self.head, here)
            gain = max(here.counter - last.counter, 0) + (0 if goes_on else self.stretch)
            if self.follows(last, here) and gain >= self.rise:
                self.count(last, here)
                self.faults += self.size + self.zeros_before + self.zeros
                self.zeros, self.head = 0, None
            elif goes_on:
                self.rise += max(here.counter - self.head.counter, 0)
                self.head = _higher(self.head, here)
                self.size += 1
                self.faults += self.zeros
                self.zeros = 0
            else:
                if self.rise:
                    self.settle()
                else:
                    self.faults += self.size + self.zeros_before
                self.doubt(here)

    def doubt(self, here: Reading) -> None:
        """Begin a doubt: the value does not follow the last one."""
        self.first = self.head = here
        self.size, self.rise, self.zeros_before, self.zeros = 1, 0, self.zeros, 0

    def settle(self) -> None:
        """End a doubt, if there is one: the counter goes on from there."""
        last, first, head = self.last, self.first, self.head
        if last is None or first is None or head is None:
            return
        step = first.counter - last.counter
        if step < 0 and first.counter <= self.could_make(last, first):
            self.counted += first.counter
        else:
            self.uncounted += step if step > 0 else first.counter
            self.faults += 1 + self.zeros_before
        self.counted += self.rise
        self.last, self.head, self.stretch = head, None, self.rise

    def count(self, last: Reading, here: Reading) -> None:
        """Count a step that is believed."""
        step = max(here.counter - last.counter, 0)
        self.counted += step
        self.stretch += step
        self.last = _higher(last, here)

    def follows(self, before: Reading, after: Reading) -> bool:
        """Whether the counter can have gone from one reading to the other."""
        step = after.counter - before.counter
        if step < 0:
            return -step <= _JITTER and -step * 100 <= before.counter
        return step <= self.power * (after.time - before.time) / _HOUR + _SLACK

    def could_make(self, before: Reading, after: Reading) -> float:
        """Return what the inverter can produce between two readings."""
        return self.power * (after.time - before.time) / _HOUR


def _higher(before: Reading, after: Reading) -> Reading:
    return after if after.counter >= before.counter else before


class CountedEnergy:
    """SQLite's aggregate: times, counters in milliwatt-hours (or null) and the capacity in, an array in JSON out."""

    def __init__(self) -> None:
        self.readings: list[tuple[str, int]] = []
        self.capacity_kw = 0.0

    def step(self, time: str, counter: int | None, capacity_kw: float) -> None:
        """Take a reading, in any order."""
        if counter is not None:
            self.readings.append((time, counter))
            self.capacity_kw = capacity_kw

    def finalize(self) -> str:
        """Return what was counted, what was not, and the number of faults."""
        self.readings.sort()
        readings = (Reading(_microseconds(time), counter) for time, counter in self.readings)
        return json.dumps(count_energy(readings, self.capacity_kw))


def _microseconds(time: str) -> int:
    since = datetime.fromisoformat(time) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
