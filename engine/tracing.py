"""Spans of OpenTelemetry, for programs that have loaded it. For all others a span costs nothing: nothing is imported here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: the context of spans that run within no other: threads do not inherit one
root: Any = None


@contextmanager
def span(name: str, **attributes: Any) -> Iterator[dict[str, Any]]:
    """Trace what runs within; yields the attributes, to which may be added what is known later.

    An error is told by its type: its sentence may name what is nobody's to read.
    """
    api: Any = sys.modules.get("opentelemetry.trace")
    if api is None:
        yield attributes
        return
    context = None if api.get_current_span().get_span_context().is_valid else root
    with api.get_tracer("dbsvc").start_as_current_span(
        name, context, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield attributes
        except BaseException as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(api.StatusCode.ERROR)
            raise
        finally:
            told = {f"dbsvc.{key}": value for key, value in attributes.items() if value is not None}
            current.set_attributes(told)
