"""Log lines: JSON, with the request that they belong to, and without what was in it."""

from __future__ import annotations

import asyncio
import io
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


class Counted(io.StringIO):
    """Counts what is written at once."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, text: str) -> int:
        """Count, and write."""
        self.writes += 1
        return super().write(text)


def logger_to(stream: io.StringIO) -> logging.Logger:
    """Give a logger that writes as the service's does."""
    logger = logging.Logger("test", logging.INFO)
    logger.addHandler(logs.OneWrite(stream))
    return logger


def test_lines_of_one_round_are_written_together_and_in_order() -> None:
    """A round of the event loop costs one write; what follows it goes on its own."""
    stream = Counted()
    logger = logger_to(stream)

    async def serve() -> None:
        for number in range(3):
            logger.info("%d", number)
        assert stream.getvalue() == ""
        await asyncio.sleep(0)
        assert stream.getvalue() == "0\n1\n2\n"
        logger.info("3")

    asyncio.run(serve())
    logger.handlers[0].flush()  # as at the end of the process
    assert stream.getvalue() == "0\n1\n2\n3\n"
    assert stream.writes == 2


def test_a_warning_and_a_line_from_a_thread_wait_for_nobody() -> None:
    """Both take along what waits before them."""
    stream = io.StringIO()
    logger = logger_to(stream)
    logger.info("before")
    assert stream.getvalue() == "before\n"

    async def serve() -> None:
        logger.info("waits")
        logger.warning("goes")
        assert stream.getvalue() == "before\nwaits\ngoes\n"
        logger.info("waits too")
        await asyncio.to_thread(logger.info, "from a thread")
        assert stream.getvalue().endswith("waits too\nfrom a thread\n")

    asyncio.run(serve())


def test_a_line_that_cannot_be_made_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """The fault is told on standard error, as logging does."""
    logger = logger_to(io.StringIO())
    logger.info("%d", "no number")
    assert "TypeError" in capsys.readouterr().err
