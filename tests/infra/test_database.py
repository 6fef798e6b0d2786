"""What the database door promises on both databases: counts, whole texts, moments, quick inserts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import JSON, Column, Integer, LargeBinary, MetaData, String, Table, select
from sqlalchemy.dialects import postgresql

from infra import bulk
from infra import database as door
from infra.database import Database, RowNumber, UtcDateTime, WholeText, insert_ignore, insert_many, insert_new, upsert
from tests.conftest import NOON

things = Table(
    "things",
    MetaData(),
    Column("number", RowNumber, primary_key=True, autoincrement=True),
    Column("name", String(20), unique=True),
    Column("words", WholeText),
    Column("at", UtcDateTime),
    Column("facts", JSON),
    Column("raw", LargeBinary),
    Column("order", Integer),
)
AWKWARD = "一\0二\ue000三\ue001\ue000\0\t\n\\N'\""


def thing(number: int, **changes: object) -> dict[str, object]:
    facts = {"finding": ["\0", {"深": 1}], "none": None}
    row = {"name": f"n{number}", "words": AWKWARD, "at": NOON + timedelta(seconds=number), "facts": facts}
    return {**row, "raw": bytes(range(256)), "order": number, **changes}


@pytest.fixture(autouse=True)
def _table(database: Database) -> None:
    things.create(database.engine)


def test_what_is_new_is_counted_however_many_rows_are_given(database: Database) -> None:
    with database.write() as connection:
        assert insert_ignore(connection, things, []) == 0
        assert insert_ignore(connection, things, [thing(1)]) == 1
        assert insert_ignore(connection, things, [thing(1)]) == 0
        assert insert_ignore(connection, things, [thing(n) for n in range(50)]) == 49
        assert insert_ignore(connection, things, [thing(3), thing(3), thing(60), thing(60)]) == 1


SEPARATORS = [
    "",
    " ",
    "NULL",
    "null",
    "{}",
    "{a,b}",
    ",",
    '"',
    "\\",
    '\\"',
    "a\\",
    "\n\t\r",
    "\\x41",
    "一,二",
    "😀",
    "'",
    "$1",
    "%s",
    ":x",
]


def test_rows_told_from_others_come_back_as_they_went_in(database: Database) -> None:
    given = [
        thing(n, name=f"n{n}"[:20], words=word, facts=[word, n / 3, None, word == ""], order=n if n % 2 else None)
        for n, word in enumerate([*SEPARATORS, AWKWARD])
    ]
    with database.write() as connection:
        assert insert_ignore(connection, things, given) == len(given)
        names = insert_new(connection, things, [thing(98, name=s or "-") for s in SEPARATORS], things.c.name)
    assert sorted(names) == sorted(s or "-" for s in SEPARATORS)
    columns = [column for column in things.columns if column.name != "number"]
    with database.read() as connection:
        rows = connection.execute(select(*columns).order_by(things.c.number).limit(len(given)))
        assert [dict(row._mapping) for row in rows] == given


def test_a_value_that_no_array_can_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="Decimal"):
        bulk.arrays(things, [{"order": Decimal(1)}])


@pytest.mark.parametrize("rows", [1, door.COPY_FROM_ROWS - 1, door.COPY_FROM_ROWS, 500])
def test_many_rows_come_back_as_they_went_in(database: Database, rows: int) -> None:
    given = [thing(n) for n in range(rows - 1)] + [thing(rows, words=None, facts={}, raw=None, at=None)]
    with database.write() as connection:
        insert_many(connection, things, given)
        insert_many(connection, things, [])
    columns = [column for column in things.columns if column.name != "number"]
    with database.read() as connection:
        found = [dict(row._mapping) for row in connection.execute(select(*columns).order_by(things.c.number))]
    assert found == given


def test_a_row_that_is_there_is_overwritten(database: Database) -> None:
    with database.write() as connection:
        upsert(connection, things, [{"number": n, **thing(n)} for n in (1, 2)])
        upsert(connection, things, [{"number": n, **thing(n, words="新")} for n in (2, 3)])
        words = {row.name: row.words for row in connection.execute(select(things.c.name, things.c.words))}
    assert words == {"n1": AWKWARD, "n2": "新", "n3": "新"}


@given(st.text(alphabet=st.sampled_from("\0\ue000\ue001a米"), max_size=12) | st.text(max_size=20))
def test_any_text_survives_a_server_that_stores_no_nul(words: str) -> None:
    column, dialect = WholeText(), postgresql.dialect()
    stored = column.process_bind_param(words, dialect)
    assert stored is not None
    assert "\0" not in stored
    assert column.process_result_value(stored, dialect) == words


def test_a_moment_without_time_zone_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="time zone"), database.write() as connection:
        connection.execute(things.insert(), thing(1, at=NOON.replace(tzinfo=None)))
