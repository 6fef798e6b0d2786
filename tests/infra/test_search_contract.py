"""What every search adapter must do. A new adapter only has to be added to ``ADAPTERS``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.errors import ConfigurationError, InvalidInput
from infra.search import Document, Hit, Query, SearchIndex
from infra.search.embedded import EmbeddedSearch
from infra.search.language import Language
from infra.settings import Settings
from tests.infra.elastic import ELASTIC, opened_elastic

DAY = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
OFFICER = {"public_only": False}
READINGS = dict(zip("五伍常大米乔山", ["wu", "wu", "chang", "da", "mi", "qiao", "shan"], strict=True))
LANGUAGE = Language(readings=READINGS, synonyms=lambda word: {"根治": ["治愈", "断根"]}.get(word, ()))


@pytest.fixture(params=["embedded", ELASTIC])
def open_index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Language], SearchIndex]]:
    """Opens an empty index; closed and removed after the test."""
    if request.param == "embedded":
        opened: list[SearchIndex] = []

        def embedded(language: Language) -> SearchIndex:
            opened.append(EmbeddedSearch(tmp_path / "search", language=language))
            return opened[-1]

        yield embedded
        for index in opened:
            index.close()
    else:
        settings = Settings(
            search_url=request.getfixturevalue("elasticsearch_url"),
            search_prefix=request.getfixturevalue("unique_name"),
        )
        with opened_elastic(settings) as elastic:
            yield elastic


@pytest.fixture
def index(open_index: Callable[[Language], SearchIndex]) -> SearchIndex:
    return open_index(Language())


@pytest.fixture
def speaking(open_index: Callable[[Language], SearchIndex]) -> SearchIndex:
    """An index that knows readings and synonyms."""
    return open_index(LANGUAGE)


def transcript(number: int, text: str, **changes: object) -> Document:
    values = {"kind": "transcript", "id": f"u{number}", "title": "黑土粮仓", "text": text, "public": False}
    facets = {"platform": "yunjian", "subject": "host:yunjian:h1"}
    return Document(**(values | {"at": DAY + timedelta(minutes=number), "facets": facets} | changes))


def fill(index: SearchIndex, *documents: Document) -> None:
    index.upsert(documents)
    index.commit()


def ids(index: SearchIndex, text: str = "", **more: object) -> list[str]:
    return [hit.id for hit in index.search(Query(text=text, **(OFFICER | more))).hits]


def marked(hit: Hit) -> list[str]:
    return [segment.text for segment in hit.highlight if segment.marked]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("五常大米", ["u1"]),
        ("常大", ["u1"]),
        ("大米 降糖", ["u2"]),
        ("iPhone", ["u3"]),
        ("ＩＰＨＯＮＥ", ["u3"]),
        ("米", ["u1", "u2"]),
        ("不存在的话", []),
        ("！？", []),
    ],
)
def test_chinese_is_found_by_any_piece_of_it(index: SearchIndex, text: str, found: list[str]) -> None:
    fill(
        index,
        transcript(1, "我们家的五常大米，今天现磨现发"),
        transcript(2, "这个大米能不能降糖？不能的家人们"),
        transcript(3, "送一个iphone手机壳"),
    )
    assert sorted(ids(index, text)) == found


def test_highlights_are_pieces_of_the_original_text_and_never_html(index: SearchIndex) -> None:
    fill(index, transcript(1, "<b>注意</b>：本品ＶＩＴＡ不能代替药物，" + "好" * 200))
    (hit,) = index.search(Query(text="vita 药物", **OFFICER)).hits
    assert marked(hit) == ["ＶＩＴＡ", "药物"]
    assert "".join(segment.text for segment in hit.highlight).startswith("<b>注意</b>")


def test_the_public_sees_only_public_documents(index: SearchIndex) -> None:
    fill(index, transcript(1, "大米"), transcript(2, "大米", kind="listing", public=True))
    assert ids(index, "大米", public_only=True) == ["u2"]
    assert ids(index, "", public_only=True) == ["u2"]


def test_the_newest_version_wins_whatever_comes_last(index: SearchIndex) -> None:
    for version, text in ((1, "旧文字"), (3, "新文字"), (2, "中间文字")):
        fill(index, transcript(1, text, version=version))
    assert ids(index, "新文字") == ["u1"]
    assert ids(index, "中间文字") == []
    index.upsert([transcript(1, "一起", version=9), transcript(1, "迟到", version=8)])
    index.commit()
    assert ids(index, "一起") == ["u1"]


def test_the_same_document_twice_is_one_hit(index: SearchIndex) -> None:
    fill(index, transcript(1, "大米"), transcript(1, "大米"))
    fill(index, transcript(1, "大米"))
    assert index.search(Query(text="大米", **OFFICER)).total == 1


def test_a_deleted_document_comes_back_only_when_it_is_at_least_as_new_as_the_deletion(index: SearchIndex) -> None:
    fill(index, transcript(1, "大米", version=3), transcript(2, "大米"))
    index.delete("transcript", ["u1", "u2", "never seen"], version=5)
    index.commit()
    fill(index, transcript(1, "大米", version=4), transcript(2, "大米"), transcript(3, "大米"))
    assert ids(index, "大米") == ["u3"]
    assert ids(index) == ["u3"]
    assert index.search(Query(**OFFICER)).total == 1
    fill(index, transcript(1, "大米", version=5))
    assert sorted(ids(index, "大米")) == ["u1", "u3"]


def test_a_deletion_older_than_the_document_does_nothing(index: SearchIndex) -> None:
    fill(index, transcript(1, "大米", version=3))
    index.delete("transcript", ["u1"], version=2)
    index.commit()
    assert ids(index, "大米") == ["u1"]


def test_deleted_and_cleared_documents_are_gone(index: SearchIndex) -> None:
    fill(index, transcript(1, "大米"), transcript(2, "大米"))
    index.delete("transcript", ["u1"], version=1)
    index.commit()
    assert ids(index, "大米") == ["u2"]
    index.clear()
    index.commit()
    assert ids(index) == []


def test_filters_and_times_narrow_and_facets_count(index: SearchIndex) -> None:
    fill(index, *(transcript(n, "大米", facets={"platform": "ab"[n % 2], "code": "ABS"}) for n in range(5)))
    page = index.search(Query(text="大米", facets=("platform", "code"), **OFFICER))
    assert page.total == 5
    assert page.facets == {"platform": {"a": 3, "b": 2}, "code": {"ABS": 5}}
    assert sorted(ids(index, filters={"platform": "b"})) == ["u1", "u3"]
    assert sorted(ids(index, filters={"platform": ["a", "b"]})) == ["u0", "u1", "u2", "u3", "u4"]
    assert ids(index, since=DAY + timedelta(minutes=3)) == ["u4", "u3"]
    assert ids(index, until=DAY) == ["u0"]
    with pytest.raises(InvalidInput, match="只能按"):
        ids(index, filters={"phone": "1"})


def test_without_text_the_newest_come_first(index: SearchIndex) -> None:
    fill(index, *(transcript(n, f"第{n}句") for n in (2, 0, 1)))
    assert ids(index) == ["u2", "u1", "u0"]


@pytest.mark.parametrize("text", ["", "大米"])
def test_pages_put_together_are_the_whole_list_even_while_documents_arrive(index: SearchIndex, text: str) -> None:
    fill(index, *(transcript(n, "大米" + "好" * n) for n in range(7)))
    before = ids(index, text, limit=50)
    seen: list[str] = []
    cursor = None
    while True:
        page = index.search(Query(text=text, limit=2, cursor=cursor, **OFFICER))
        seen += [hit.id for hit in page.hits]
        cursor = page.next
        if cursor is None:
            break
        fill(index, transcript(100 + len(seen), "木耳", at=DAY - timedelta(days=1)))
    assert [hit for hit in seen if hit in before] == before
    assert len(seen) == len(set(seen))


def test_a_made_up_cursor_is_refused(index: SearchIndex) -> None:
    for cursor in ("zz", "5b5d", ""):
        with pytest.raises(InvalidInput, match="翻页标记"):
            ids(index, cursor=cursor)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("根治", ["exact", "other"]),  # another word for it
        ('"根治"', ["exact"]),  # exactly these characters
        ("五常大", ["name", "sound"]),  # three characters that sound the same
        ("五常", ["name"]),  # two would be far too many
        ("wuchangdami", ["name", "sound"]),
        ("qds", ["initials"]),
        ("ds", []),
        ("乔山", []),
    ],
)
def test_other_words_sounds_and_initials_are_found_too(speaking: SearchIndex, text: str, found: list[str]) -> None:
    fill(
        speaking,
        transcript(1, "这个能根治", id="exact"),
        transcript(2, "喝三天就断根", id="other"),
        transcript(3, "正宗五常大米", id="name"),
        transcript(4, "正宗伍常大米", id="sound"),
        transcript(5, "主播", title="乔大山", kind="subject", id="initials"),
    )
    assert sorted(ids(speaking, text)) == found
    if len(found) == 2 and not text.isascii():
        assert ids(speaking, text)[0] == found[0]  # as it was written comes first


def test_what_was_found_by_sound_or_synonym_is_marked(speaking: SearchIndex) -> None:
    fill(speaking, transcript(1, "正宗伍常大米，喝了断根"))
    for text, expected in (("五常大米", ["伍常大米"]), ("wuchangdami", ["伍常大米"]), ("根治", ["断根"])):
        (hit,) = speaking.search(Query(text=text, **OFFICER)).hits
        assert marked(hit)[-len(expected) :] == expected


def test_a_histogram_counts_by_beijing_days_and_hours(index: SearchIndex) -> None:
    late = datetime(2026, 11, 20, 15, 59, tzinfo=UTC)  # one minute to midnight in Beijing
    minutes = (0, 1, 2, 61)
    fill(index, *(transcript(n, "大米", at=late + timedelta(minutes=m)) for n, m in enumerate(minutes)))
    fill(index, transcript(9, "大米", at=None))
    days = index.search(Query(text="大米", histogram="day", **OFFICER)).histogram
    assert [(bucket.at.isoformat(), bucket.count) for bucket in days] == [
        ("2026-11-20T00:00:00+08:00", 1),
        ("2026-11-21T00:00:00+08:00", 3),
    ]
    hours = index.search(Query(histogram="hour", **OFFICER)).histogram
    assert [(bucket.at.hour, bucket.count) for bucket in hours] == [(23, 1), (0, 2), (1, 1)]
    assert index.search(Query(text="大米", **OFFICER)).histogram == ()


def test_what_was_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    first = EmbeddedSearch(tmp_path)
    fill(first, transcript(1, "大米"))
    first.close()
    again = EmbeddedSearch(tmp_path)
    assert ids(again, "大米") == ["u1"]
    again.close()


def test_a_second_writer_is_told_who_is_in_the_way(tmp_path: Path) -> None:
    first, second = EmbeddedSearch(tmp_path), EmbeddedSearch(tmp_path)
    fill(first, transcript(1, "大米"))
    with pytest.raises(ConfigurationError, match="另一个进程"):
        second.upsert([transcript(2, "大米")])
    first.close()
