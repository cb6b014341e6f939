"""Logs are events with keys on stderr: readable on a terminal, JSON lines otherwise."""

import logging
import os
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog


class _Stderr:
    """Standard error for lines that may be lost: a full disk behind it must not end the process that has to say so."""

    def write(self, text: str) -> int:
        """Out it goes, or not; no line stays behind to be tried again."""
        with suppress(OSError):
            os.write(2, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Nothing is kept."""


def configure(*, process: str, level: str = "info", json_lines: bool | None = None) -> None:
    """Set up logging once per process. `json_lines` None: JSON unless stderr is a terminal."""
    number = logging.getLevelNamesMapping()[level.upper()]
    as_json = not sys.stderr.isatty() if json_lines is None else json_lines
    stream = cast(TextIO, _Stderr())
    logging.basicConfig(
        stream=stream, level=max(number, logging.WARNING), format="%(levelname)s %(name)s %(message)s"
    )
    # aiomqtt's, which has a level of its own.
    logging.getLogger("mqtt").setLevel(max(number, logging.WARNING))
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=True)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    structlog.contextvars.bind_contextvars(process=process)
