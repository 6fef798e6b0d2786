"""Nothing secret and nobody's data gets into a log line, whichever way it is written."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from infra.redaction import HIDDEN, PATTERNS, SUSPECT, clean, redact
from infra.telemetry import configure_logging

SECRETS = {
    "API key": ("key cx_0123456789ab_AbCdEfGhIjKlMnOpQrStUvWxYz012345 used", "AbCdEf"),
    "bearer": ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
    "database URL": ("postgresql+psycopg://chengxin:hunter2@db:5432/chengxin", "hunter2"),
    "search URL": ("https://elastic:p%40ss@search:9200", "p%40ss"),
    "dsn": ("host=db password=hunter2 user=x", "hunter2"),
    "mobile": ("请拨打 13912345678。", "13912345678"),
    "mobile, spelled out": ("+86 139-1234-5678", "1234"),
    "mobile in JSON": ('{"phone":"13912345678"}', "13912345678"),
    "identity number": ("证件 11010519491231002X", "11010519491231002X"),
    "mail": ("write to li.si+a@example.com now", "li.si"),
    "statement": ("[SQL: INSERT INTO t]\n[parameters: ('某女士', 'x')]\n(Background on this error)", "某女士"),
}


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers = handlers
    structlog.reset_defaults()


@pytest.mark.parametrize("case", SECRETS)
def test_what_looks_like_a_secret_is_taken_out(case: str) -> None:
    text, secret = SECRETS[case]
    assert secret not in clean(text)
    assert HIDDEN in clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql+psycopg://db:5432/chengxin",
        "host:yunjian:h1 offset 1391234567890123",
        "2026-11-20T12:00:00.139123+08:00",
        "flag 4f0c13912345678ab",
        "卖出 1391234567 件，货号 139123456789",
        "http://127.0.0.1:9200/chengxin-flag-1",
    ],
)
def test_what_only_resembles_one_stays(text: str) -> None:
    assert clean(text) == text


def test_fields_are_hidden_by_name_at_any_depth() -> None:
    line = {"event": "x", "contact": {"name": "某女士"}, "a": [{"Password": "p1", "n": 3}], "tracking_code": "t-1"}
    assert redact(None, "info", line) == {
        "event": "x",
        "contact": HIDDEN,
        "a": [{"Password": HIDDEN, "n": 3}],
        "tracking_code": HIDDEN,
    }


def test_objects_are_shown_as_text_without_secrets() -> None:
    class Url:
        def __repr__(self) -> str:
            return "Url(postgresql://a:hunter2@db)"

    line = redact(None, "info", {"event": "x", "url": Url(), "error": ValueError("电话 13912345678"), "raw": b"cx"})
    assert "hunter2" not in str(line)
    assert "13912345678" not in str(line)


@given(st.text(alphabet="aAbByYpPiIkKcCxX_-:/@=.[]# \n139*token", max_size=80))
def test_the_quick_look_misses_nothing_that_a_pattern_would_take_out(text: str) -> None:
    slowly = text
    for pattern, replacement in PATTERNS:
        slowly = pattern.sub(replacement, slowly)
    assert clean(text) == slowly


@pytest.mark.parametrize("case", SECRETS)
def test_the_quick_look_sees_every_kind_of_secret(case: str) -> None:
    assert SUSPECT.search(SECRETS[case][0])


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_phone_number_never_survives_between_other_text(before: str, after: str) -> None:
    text = f"{before} 13912345678 {after}"
    assert "13912345678" not in clean(text)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_both_formats_and_both_ways_of_logging_are_clean(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_format)
    structlog.contextvars.bind_contextvars(request_id="req-12345678")
    try:
        raise RuntimeError("cannot reach postgresql://u:hunter2@db for 13912345678")
    except RuntimeError as error:
        structlog.get_logger().error("failed", password="p-1", exc_info=error)
        logging.getLogger("kafka.client").warning("phone %s", "13912345678", exc_info=True)
    finally:
        structlog.contextvars.clear_contextvars()
    logged = capsys.readouterr().err
    assert logged.count("RuntimeError") >= 2
    assert logged.count("req-12345678") == 2
    for secret in ("hunter2", "13912345678", "p-1"):
        assert secret not in logged


def test_a_json_line_is_one_object_also_from_a_library(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    configure_logging("json")  # a second time adds no second handler
    structlog.get_logger().info("one", n=1)
    logging.getLogger("a.library").error("two")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [("one", "info"), ("two", "error")]
    assert lines[1]["logger"] == "a.library"
