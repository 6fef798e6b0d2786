"""The share of bad events is that among the last so many, whatever the batches they came in."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.deadletters import Window

SIZE = 12


@given(st.lists(st.booleans(), max_size=80), st.lists(st.integers(1, 80), max_size=6), st.integers(1, SIZE))
def test_the_window_sees_what_counting_every_event_would_see(good: list[bool], cuts: list[int], most: int) -> None:
    worst = max((good[max(0, end - SIZE) : end].count(False) for end in range(len(good) + 1)), default=0)
    window, exceeded = Window(), 0
    edges = sorted({0, len(good), *(cut for cut in cuts if cut < len(good))})
    for begin, end in pairwise(edges):
        places = [place for place, fine in enumerate(good[begin:end]) if not fine]
        window, over = window.after(end - begin, places, SIZE, most)
        exceeded = exceeded or over
    assert bool(exceeded) == (worst > most)
    assert len(window.bad) == good[-SIZE:].count(False)
    assert window.seen == len(good)
