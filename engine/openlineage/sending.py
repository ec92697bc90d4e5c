"""The thread that makes events and sends them. Nobody waits for it but, for a moment, the end of a command or a process."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import nullcontext
from multiprocessing.util import Finalize  # unlike atexit, it also runs where a process of a pool ends
from queue import Full, Queue
from typing import Any

from dbsvc.engine.errors import ConfigurationError
from dbsvc.engine.log import event
from dbsvc.engine.openlineage.telling import Moment

_MOST = 1000  # moments that wait; what comes beyond is left out, and said
_PATIENCE = 3.0  # seconds that what waits has, when a command or a process ends
_IMPORT = 10.0  # seconds that the client has to be imported, which is work of this process

_waiting: Queue[Moment]
_connected: threading.Event
_lock: threading.Lock
_sender: threading.Thread | None
#: somebody waited in vain: nobody waits again
_is_late = False
#: what went wrong was said
_said = False


#: A process that forks while another thread imports could never import that itself.
_importing = threading.RLock()


def _begin() -> None:
    """Begin with nothing that waits: what a process that forked had to tell, it tells itself."""
    global _waiting, _connected, _lock, _sender
    _waiting, _connected, _lock, _sender = Queue(_MOST), threading.Event(), threading.Lock(), None


_begin()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_importing.acquire, after_in_parent=_importing.release, after_in_child=_importing.release)
    os.register_at_fork(after_in_child=_begin)


def put(moment: Moment) -> None:
    """Let a moment be told, by a thread that is started if there is none."""
    global _sender
    try:
        _waiting.put_nowait(moment)
    except Full:
        _say("more happened than could be told in time; some of it is left out")
        return
    with _lock:
        if _sender is None:
            _sender = threading.Thread(target=_run, name="openlineage", daemon=True)
            _sender.start()
            Finalize(None, finish, exitpriority=0)


def finish(seconds: float = _PATIENCE) -> None:
    """Wait a moment until all is told; say so if it was not."""
    global _is_late
    if _is_late or not _waiting.unfinished_tasks:
        return
    _connected.wait(_IMPORT)
    deadline = time.monotonic() + seconds
    while _waiting.unfinished_tasks and time.monotonic() < deadline:
        time.sleep(0.01)
    if _waiting.unfinished_tasks:
        _is_late = True
        _say(f"not all was taken within {seconds} seconds")


def _run() -> None:
    client: Any = None
    while True:
        moment = _waiting.get()
        try:
            with nullcontext() if _connected.is_set() else _importing:  # also what is imported when the first event is sent
                client = client or _connect()
                from dbsvc.engine.openlineage.events import make

                _connected.set()
                client.emit(make(moment))
        except ConfigurationError as error:
            _say(str(error).rstrip("."))
        except Exception as error:  # what it says may hold a URL and a key
            _say(f"an event was not taken ({type(error).__name__}): are OPENLINEAGE_* right, and is who takes them there?")
        finally:
            _connected.set()
            _waiting.task_done()


def _connect() -> Any:
    """Return the client, as its own variables configure it."""
    for name in ("openlineage", "urllib3"):  # what they say on their own may hold a URL and a key
        logging.getLogger(name).addHandler(logging.NullHandler())
    try:
        from openlineage.client import OpenLineageClient, set_producer
    except ImportError as error:
        raise ConfigurationError(
            "OPENLINEAGE_* asks for events, which come with the extra openlineage: pip install 'dbsvc[openlineage]'."
        ) from error
    from dbsvc.engine.openlineage.events import PRODUCER

    set_producer(PRODUCER)
    return OpenLineageClient()


def _say(sentence: str) -> None:
    """Say what is wrong, the first time."""
    global _said
    if not _said:
        _said = True
        event("openlineage", logging.WARNING, warning=f"OpenLineage: {sentence}. Loads go on without.")
