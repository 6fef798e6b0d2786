"""Complaints: identity only in the vault, a tracking code kept as a hash, arrival from the topic safe to repeat."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from casework import complaints
from casework.complaints import ComplaintFacts, Contact
from casework.tables import complaint_timeline
from casework.tables import complaints as complaint_table
from infra.clock import FixedClock
from infra.database import Database, metadata
from infra.errors import InvalidInput, NotFound
from infra.settings import Settings
from infra.vault import Vault, vault_access

CONTACT = Contact("欧阳测试", "13912345678")


def submit(database: Database, settings: Settings, clock: FixedClock, **changes: object) -> str:
    values = {
        "kind": "complaint",
        "platform": "yunjian",
        "text": "买的貂皮掉毛，说是假一赔十",
        "contact": CONTACT,
    } | changes
    with database.write() as connection:
        return complaints.submit(connection, vault=Vault(settings), at=clock.now(), **values)


def test_the_tracking_code_opens_the_case_however_it_is_typed(
    database: Database, settings: Settings, clock: FixedClock
) -> None:
    code = submit(database, settings, clock)
    assert re.fullmatch(r"CX(-[0-9A-HJKMNP-TV-Z]{4}){4}", code)
    with database.read() as connection:
        for typed in (code, code.lower(), code.replace("-", " "), code.removeprefix("CX-").replace("-", "")):
            assert complaints.lookup(connection, tracking_code=typed).status_label == "待受理"
        with pytest.raises(NotFound):
            complaints.lookup(connection, tracking_code="CX-0000-0000-0000-0000")


def test_name_phone_and_code_stand_nowhere_in_the_database_in_the_clear(
    database: Database, settings: Settings, clock: FixedClock
) -> None:
    code = submit(database, settings, clock)
    with database.read() as connection:
        everything = b"".join(
            repr(row).encode() for table in metadata.sorted_tables for row in connection.execute(select(table))
        ).decode()
    database.close()
    files = b"".join(path.read_bytes() for path in Path(settings.data_dir).iterdir() if path.suffix != ".key")
    for secret in (CONTACT.name, CONTACT.phone, code):
        assert secret not in everything
        assert secret.encode() not in files


def test_opening_the_vault_is_logged(database: Database, settings: Settings, clock: FixedClock) -> None:
    submit(database, settings, clock)
    vault = Vault(settings)
    with database.write() as connection:
        ref = connection.execute(select(complaint_table.c.vault_ref)).scalar_one()
        opened = vault.open(connection, ref=ref, actor="officer-1", reason="联系当事人", at=clock.now())
        access = connection.execute(select(vault_access)).one()
    assert opened == {"name": CONTACT.name, "phone": CONTACT.phone}
    assert (access.actor, access.reason) == ("officer-1", "联系当事人")


def test_every_wrong_field_is_named_and_no_personal_value_is_repeated(
    database: Database, settings: Settings, clock: FixedClock
) -> None:
    with pytest.raises(InvalidInput) as caught:
        submit(database, settings, clock, kind="x", text=" ", contact=Contact("", "12345"))
    assert [error.field for error in caught.value.errors] == ["kind", "text", "contact.name", "contact.phone"]
    assert "12345" not in str(caught.value)


def test_a_complaint_from_the_wire_is_created_once_and_triaged_once(database: Database, clock: FixedClock) -> None:
    facts = ComplaintFacts(id="w-1", kind="report", platform="binglan", text="直播间让加微信转账")
    with database.write() as connection:
        for code in ("OFFSITE", "PRICE"):
            complaints.receive(connection, event=facts, triage={"code": code}, at=clock.now())
        (case,) = complaints.queue(connection).items
        steps = connection.execute(select(complaint_timeline)).all()
    assert case.triage == {"code": "OFFSITE"}
    assert not case.has_contact
    assert len(steps) == 1


def test_numbers_written_into_the_story_are_masked_outside_the_vault(
    database: Database, settings: Settings, clock: FixedClock
) -> None:
    submit(
        database,
        settings,
        clock,
        text="衣服掉毛，打我电话13711112222，退款到6222020200112233445",
        request="请回电13711112222",
    )
    with database.write() as connection:
        everything = "".join(repr(row) for table in metadata.sorted_tables for row in connection.execute(select(table)))
        (case,) = complaints.queue(connection).items
        ref = connection.execute(select(complaint_table.c.vault_ref)).scalar_one()
        opened = Vault(settings).open(connection, ref=ref, actor="officer-1", reason="核实", at=clock.now())
    assert "13711112222" not in everything
    assert "6222020200112233445" not in everything
    assert case.text.startswith("衣服掉毛")
    assert "13711112222" in opened["text"]
    assert "13711112222" in opened["request"]
