"""Log lines: JSON, with the request that they belong to, and without what was in it."""

from __future__ import annotations

import json
import logging

import pytest

from scanops.serving import logs


def line(record: logging.LogRecord) -> dict[str, object]:
    """Format a record, and read it back."""
    return dict(json.loads(logs.Lines().format(record)))


def made(name: str, message: str, *arguments: object, error: Exception | None = None) -> logging.LogRecord:
    """Make a record as a library does."""
    told = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord(name, logging.WARNING, "/lib/x.py", 7, message, arguments, told)


def test_an_event_has_time_level_and_request(caplog: pytest.LogCaptureFixture) -> None:
    """Each line says when, how grave, what, and for which request."""
    token = logs.request_id.set("0123456789abcdef")
    try:
        with caplog.at_level("INFO"):
            logs.write(logging.WARNING, "tried", count=3)
    finally:
        logs.request_id.reset(token)
    told = line(caplog.records[-1])
    assert {name: told[name] for name in ("level", "event", "request_id", "count")} == {
        "level": "warning",
        "event": "tried",
        "request_id": "0123456789abcdef",
        "count": 3,
    }
    assert str(told["time"]).endswith("+00:00")


def test_what_a_library_puts_into_its_words_is_left_out() -> None:
    """The words of the web server are kept, the values in them are not; of others only who and where."""
    told = line(made("uvicorn.error", "Invalid %s received", "doe_jane"))
    assert (told["message"], told["logger"]) == ("Invalid %s received", "uvicorn.error")
    assert "doe" not in json.dumps(line(made("pydicom", "Invalid value doe_jane")))


def test_an_exception_is_told_by_type_and_place() -> None:
    """Its message may quote a file."""
    try:
        raise ValueError("doe_jane")
    except ValueError as error:
        told = line(made("uvicorn.error", "Exception in ASGI application\n", error=error))
    assert told["type"] == "ValueError"
    assert "test_logs.py" in str(told["at"])
    assert "doe" not in json.dumps(told)


@pytest.mark.parametrize("sent", ["0123456789abcdef", "F81D4FAE-7dec-11d0-a765-00a0c91e6bf6", "a" * 64])
def test_a_well_formed_id_is_taken(sent: str) -> None:
    """UUIDs and hexadecimal ids, as proxies make them."""
    assert logs.take_id(sent) == sent


@pytest.mark.parametrize("sent", [None, "", "doe_jane", "abc", "a" * 65, "0123456789abcdef\n", "g" * 32])
def test_any_other_id_is_replaced(sent: str | None) -> None:
    """A name can not be sent as an id."""
    one, other = logs.take_id(sent), logs.take_id(sent)
    assert sent not in {one, other}
    assert one != other
    assert len(one) == 32
