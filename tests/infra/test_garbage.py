"""What is loaded stays out of the collector's way, and becomes garbage all the same once nobody needs it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from infra.garbage import THRESHOLDS, settle


class Knot:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_is_loaded_is_left_alone_until_the_next_time() -> None:
    knot = Knot()
    settle()
    assert gc.get_threshold() == THRESHOLDS
    assert gc.get_freeze_count() > 1000
    seen = weakref.ref(knot)
    del knot
    gc.collect()
    assert seen() is not None, "the collector has looked at it"
    settle()
    assert seen() is None, "a detector that was exchanged would stay for ever"
