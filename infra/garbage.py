"""Spares long-running processes most of the garbage collector's work: a lexicon and a model are a million objects that stay."""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (50_000, 20, 100)


def settle() -> None:
    """Call when what is loaded by now is going to stay: the collector does not look at it again until the next call.

    Without it every full collection walks through all of it: a fifth of a worker's time, and pauses of a tenth of a second.
    What was left alone since the last call and has become garbage is collected now.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
