"""Words are kept whole, whatever they hold: what was said is evidence."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from casework import flags
from casework.tables import flags as flag_rows
from infra.database import Database
from tests.factories import new_flag
from tests.streams.fakes import utterance
from tests.streams.world import EmbeddedWorld


@pytest.mark.parametrize("words", ["\ue000能治\ue001", "能治👍\u202e\ufeff", "能治\t\r\n\\0'\"%s\x01"])
def test_what_was_said_is_kept_whole_and_its_spans_still_fit(tmp_path: Path, words: str) -> None:
    world = EmbeddedWorld(tmp_path)
    world.put("transcripts", utterance(1, words))
    world.run()
    with world.database.read() as connection:
        view = flags.get(connection, id=connection.execute(select(flag_rows.c.id)).scalar_one())
    assert view.flag.text == words
    assert [line.text for line in view.context] == [words]
    (start, end), *_ = view.flag.finding.spans
    assert view.flag.text[start:end] == "能治"
    world.close()


def test_an_utterance_with_a_nul_goes_to_the_dead_letters_whole(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path)
    world.put("transcripts", utterance(1, "能治\0百病"), utterance(2, "能治百病"))
    world.run()
    (letter,) = world.letters()
    assert msgspec.json.decode(letter.raw)["text"] == "能治\0百病"
    assert "空字符" in letter.reason
    assert len(world.rows(flag_rows)) == 1
    world.close()


def test_what_a_service_is_given_is_kept_even_with_a_nul(database: Database) -> None:
    flag = new_flag(text="能治\0百病\ue000")
    with database.write() as connection:
        assert flags.raise_flag(connection, flag, at=flag.spoken_at)
        assert flags.get(connection, id=flag.id).flag.text == "能治\0百病\ue000"
        assert flags.queue(connection, subject="host:yunjian:\0").items == ()
