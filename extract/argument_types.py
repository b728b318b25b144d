"""What is typed after a verb, checked: days, texts, lengths of time. No I/O."""

from __future__ import annotations

import os
from datetime import date
from typing import Any

import click


class _Day(click.ParamType[date]):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a valid date (use yyyy-mm-dd)", param, ctx)


DAY = _Day()


class _Name(click.ParamType[str]):
    """A text that is looked up. In a C locale Python takes its UTF-8 for bytes of no meaning."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        return os.fsencode(value).decode("utf-8", "replace") if any(map(_is_undecoded, value)) else str(value)


def _is_undecoded(character: str) -> bool:
    return "\udc80" <= character <= "\udcff"


NAME = _Name()


class Span(click.FloatRange):
    """A length of time that a clock can count: FloatRange alone lets NaN through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        span: float = super().convert(value, param, ctx)
        if span != span:
            self.fail(f"{value!r} is not a valid length of time", param, ctx)
        return span


A_MONTH_OF_MINUTES = 31 * 24 * 60
A_DAY_OF_SECONDS = 24 * 60 * 60
