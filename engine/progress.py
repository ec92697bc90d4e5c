"""How far work is: what long work tells whoever wants to see it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told, by any thread, which phase runs, and how much of it is done of all there is: 0 if that is not known."""

    def __call__(self, phase: str, done: int = 0, total: int = 0, /) -> None:
        """Note it."""


def unseen(phase: str, done: int = 0, total: int = 0) -> None:
    """Tell nobody."""
