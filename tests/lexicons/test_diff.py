"""Two lexicons side by side: what came, went and changed, by name."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lexicons.diff import Change, diff
from lexicons.loader import load_lexicon
from lexicons.schema import Lexicon


@pytest.fixture(scope="module")
def bundled() -> Lexicon:
    return load_lexicon()


def changed(old: Lexicon, **fields: object) -> list[Change]:
    new = msgspec.structs.replace(old, **fields)  # type: ignore[arg-type]
    return list(diff(old, new).changes)


def test_a_lexicon_does_not_differ_from_itself(bundled: Lexicon, copy: Path) -> None:
    found = diff(bundled, load_lexicon(copy))
    assert found.changes == ()
    assert found.old == found.new


def test_terms_that_came_and_went_are_named(bundled: Lexicon) -> None:
    negation = bundled.concepts["negation"]
    other = msgspec.structs.replace(negation, terms=(*negation.terms[1:], "压根儿没"))
    (change,) = changed(bundled, concepts={**bundled.concepts, "negation": other})
    assert (change.kind, change.name, change.what) == ("concept", "negation", "changed")
    (field,) = change.fields
    assert (field.field, field.added, field.removed) == ("terms", ("压根儿没",), negation.terms[:1])


def test_whole_entries_that_came_and_went_are_named(bundled: Lexicon) -> None:
    frame = bundled.frames[0]
    renamed = msgspec.structs.replace(frame, id="ABS.new_name")
    changes = changed(bundled, frames=(renamed, *bundled.frames[1:]))
    assert {(one.kind, one.name, one.what) for one in changes} == {
        ("frame", frame.id, "removed"),
        ("frame", "ABS.new_name", "added"),
    }


def test_an_order_alone_is_a_change_too(bundled: Lexicon) -> None:
    frame = next(one for one in bundled.frames if len(one.slots) > 1)
    turned = msgspec.structs.replace(frame, slots=frame.slots[::-1])
    frames = tuple(turned if one.id == frame.id else one for one in bundled.frames)
    (change,) = changed(bundled, frames=frames)
    assert change.fields[0].field == "slots"
    assert change.fields[0].old != change.fields[0].new


def test_a_changed_article_is_named_with_its_version(bundled: Lexicon) -> None:
    law = bundled.laws["advertising-law"]
    version = law.versions[0]
    other = msgspec.structs.replace(version, articles={**version.articles, "17": "另一句概括"})
    laws = {**bundled.laws, law.id: msgspec.structs.replace(law, versions=(other,))}
    (change,) = changed(bundled, laws=laws)
    assert [field.field for field in change.fields] == ["2021-04-29 版 articles.17"]
    assert change.fields[0].new == "另一句概括"
