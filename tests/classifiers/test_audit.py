"""The audit runs every example and names entries that can never work or only repeat others."""

from __future__ import annotations

import msgspec
import pytest

from classifiers.audit import audit, frame_examples
from classifiers.reading import Reader
from lexicons.problem import Problem
from lexicons.schema import Concept, Examples, Frame, Lexicon


def test_every_frame_of_the_bundled_lexicon_keeps_what_its_examples_promise(reader: Reader) -> None:
    assert list(frame_examples(reader)) == []
    assert all(frame.examples.yes and frame.examples.no for frame in reader.lexicon.frames)


def test_the_bundled_lexicon_has_nothing_worse_than_hints(reader: Reader) -> None:
    assert [problem for problem in audit(reader) if not problem.hint] == []


def frame(name: str = "ABS.only", *, slots: tuple[tuple[str, ...], ...] = (("best",),), **fields: object) -> Frame:
    examples = Examples(yes=("举世无双的茶", "这茶举世无双"), no=("普通的茶", "这茶还行"))
    given = {"id": name, "about": "试", "slots": slots, "examples": examples, "code": "ABS"} | fields
    return Frame(**given)  # type: ignore[arg-type]


def audited(reader: Reader, frames: tuple[Frame, ...], **concepts: Concept) -> list[Problem]:
    """The audit of a lexicon with these frames; ``best`` is a concept of one word, others as given."""
    made: dict[str, Concept] = {"best": Concept(about="最好", terms=("举世无双",)), **concepts}
    disguises = msgspec.structs.replace(reader.lexicon.disguises, sound_of=())
    lexicon: Lexicon = msgspec.structs.replace(
        reader.lexicon, concepts=made, frames=frames, exemptions={}, disguises=disguises
    )
    return list(audit(Reader(lexicon)))


def test_a_lean_lexicon_has_nothing_to_mend(reader: Reader) -> None:
    assert audited(reader, (frame(),)) == []


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        (Examples(yes=("普通的茶", "举世无双的茶"), no=("茶", "水")), "正例没有命中：普通的茶"),
        (Examples(yes=("举世无双", "举世无双的茶"), no=("举世无双的水", "水")), "反例被命中：举世无双的水"),
    ],
)
def test_an_example_that_does_not_hold_is_a_problem(reader: Reader, examples: Examples, said: str) -> None:
    (problem,) = audited(reader, (frame(examples=examples),))
    assert said in problem.text
    assert not problem.hint


def test_a_slot_that_what_fills_it_forbids_can_never_be_met(reader: Reader) -> None:
    problems = audited(reader, (frame(unless_text=("wide",)),), wide=Concept(about="宽", include=("best",)))
    assert any("永远不会成立" in problem.text and not problem.hint for problem in problems)


def test_a_category_both_wanted_and_refused_is_a_problem(reader: Reader) -> None:
    problems = audited(reader, (frame(categories=("food",), not_categories=("food",)),))
    assert any("food" in problem.text for problem in problems)


def test_a_concept_nothing_uses_is_a_hint(reader: Reader) -> None:
    (problem,) = audited(reader, (frame(),), lonely=Concept(about="无人用", terms=("孤单单",)))
    assert problem.entry == "lonely"
    assert problem.hint


def test_terms_written_twice_and_twin_concepts_are_hints(reader: Reader) -> None:
    frames = (frame(slots=(("best", "same", "twice", "wide"),)),)
    problems = audited(
        reader,
        frames,
        same=Concept(about="同", terms=("举世无双",)),
        twice=Concept(about="重", terms=("盖世无敌", "盖世·无敌")),
        wide=Concept(about="宽", terms=("举世无双", "天下无敌"), include=("best",)),
    )
    assert all(problem.hint for problem in problems)
    assert {problem.entry for problem in problems} == {"same", "twice", "wide"}


def test_a_frame_that_fires_only_where_another_does_is_a_hint(reader: Reader) -> None:
    frames = (frame("ABS.wide", slots=(("best", "more"),)), frame("ABS.narrow", gap=3))
    problems = audited(reader, frames, more=Concept(about="更多", terms=("天下无敌",)))
    assert [(problem.entry, problem.hint) for problem in problems] == [("ABS.narrow", True)]
    assert "ABS.wide" in problems[0].text


@pytest.mark.parametrize(
    "difference", [{"severity": "S3"}, {"status": "needs_evidence"}, {"gap": 9}, {"scope": "text"}]
)
def test_a_frame_that_says_more_than_another_is_not_subsumed(reader: Reader, difference: dict[str, object]) -> None:
    frames = (frame("ABS.wide", slots=(("best", "more"),)), frame("ABS.narrow", **difference))
    assert audited(reader, frames, more=Concept(about="更多", terms=("天下无敌",))) == []


def test_a_term_that_is_always_read_as_another_word_can_never_count(reader: Reader) -> None:
    """``薇信`` is a disguise of ``微信`` and read as such, so that the disguised spelling itself is never seen."""
    problems = audited(
        reader, (frame(slots=(("best", "contact"),)),), contact=Concept(about="联系", terms=("薇信", "加我"))
    )
    (problem,) = problems
    assert problem.entry == "contact"
    assert "薇信" in problem.text
    assert "加我" not in problem.text


def test_a_slot_whose_words_never_count_makes_its_frame_a_problem(reader: Reader) -> None:
    problems = audited(
        reader, (frame(slots=(("best",), ("contact",))),), contact=Concept(about="联系", terms=("薇信",))
    )
    assert any("没有任何能命中的词" in problem.text and not problem.hint for problem in problems)
