"""What each code of a finding or an alert means, in English and Spanish: the only sentences about data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LANGUAGES = ("en", "es")


@dataclass(frozen=True)
class Wording:
    """One code: a template a language, with `{periods}` (how many) and `{number}` (how much, see quality_findings)."""

    en: str
    es: str


# In the order in which a day's findings are named: the gravest first.
FINDINGS = {
    "missing": Wording("periods missing: {periods}", "periodos que faltan: {periods}"),
    "sum_of_four": Wording("values four times too high: {periods}", "valores cuatro veces más altos: {periods}"),
    "out_of_range": Wording(
        "values out of range: {periods}, by up to {number}", "valores fuera de rango: {periods}, hasta en {number}"
    ),
    "spike": Wording("spikes: {periods}, of up to {number}", "picos: {periods}, de hasta {number}"),
    "step": Wording("steps too large: {periods}, of up to {number}", "saltos excesivos: {periods}, de hasta {number}"),
    "unlike_last_week": Wording(
        "values unlike last week: {periods}, z up to {number}",
        "valores distintos de los de la semana anterior: {periods}, z hasta {number}",
    ),
    "shifted": Wording("mean {number} % from last week", "media {number} % respecto a la semana anterior"),
    "flat": Wording("the same value for {number} hours", "el mismo valor durante {number} horas"),
    "withdrawn": Wording("values withdrawn: {periods}", "valores retirados: {periods}"),
    "revised": Wording("revised by up to {number}", "revisado hasta en {number}"),
    "late": Wording("landed {number} hours after publication", "cargado {number} horas después de la publicación"),
}

# Of entries in quarantine, with what each entry is.
QUARANTINED = {
    "time_unreadable": Wording("the time cannot be read", "la hora no se puede leer"),
    "offset_contradicts": Wording("the offset contradicts Europe/Madrid", "el desfase contradice Europe/Madrid"),
    "value_null": Wording("the value is null", "el valor es nulo"),
    "value_not_number": Wording("the value is not a number", "el valor no es un número"),
    "two_values": Wording(
        "two values for one period in one response", "dos valores para un mismo periodo en una respuesta"
    ),
    "not_registered": Wording("the indicator is not registered", "el indicador no está registrado"),
    "area_missing": Wording(
        "no area is named, and the registry lists several", "no se indica el área, y el registro enumera varias"
    ),
    "off_cadence": Wording("the instant is off the cadence", "el instante no cae en la cadencia"),
    "period_in_parts": Wording("the period comes in parts", "el periodo llega en partes"),
}
ENTRIES = Wording("entries quarantined: {periods} ({meaning})", "entradas en cuarentena: {periods} ({meaning})")

# Of a judged day of a forecast (forecast_accuracy_daily): the columns that hold the numbers, the gravest first.
# `{limit}` is what the number is measured by, see LIMITS.
ALERTS = {
    "predictions_missing": Wording(
        "predictions missing: {number} of {limit}", "predicciones que faltan: {number} de {limit}"
    ),
    "inaccurate": Wording("MAPE {number} %, limit {limit} %", "MAPE {number} %, límite {limit} %"),
    "biased": Wording("bias {number} % of the mean", "sesgo del {number} % de la media"),
    "unskilled": Wording(
        "over four weeks no better than the week before: skill {number}",
        "en cuatro semanas no mejor que la semana anterior: habilidad {number}",
    ),
    "predictions_late": Wording("predictions late: {number}", "predicciones tardías: {number}"),
    "drifting": Wording("the input has drifted: PSI {number}", "la entrada ha derivado: PSI {number}"),
}
LIMITS = {"predictions_missing": "hours_due", "inaccurate": "inaccurate_limit"}


def alerts(day: Mapping[str, Any]) -> list[tuple[str, float, float | None]]:
    """(code, number, limit) of each alert of a row of forecast_accuracy_daily.

    >>> alerts({"predictions_missing": 3, "hours_due": 24, "biased": None})
    [('predictions_missing', 3.0, 24.0)]
    """
    return [
        (code, float(day[code]), float(day[LIMITS[code]]) if code in LIMITS else None)
        for code in ALERTS
        if day.get(code) is not None
    ]


def alert_sentence(code: str, number: float, limit: float | None = None, language: str = "en") -> str:
    """An alert in words.

    >>> alert_sentence("inaccurate", 20.04, 10.0)
    'MAPE 20 %, limit 10 %'
    """
    words: str = getattr(ALERTS[code], language)
    return words.format(number=_text(number, language), limit=_text(limit, language))


def sentence(code: str, periods: int, number: float | None, language: str = "en") -> str:
    """A finding in words; an unknown code is given as it is, so that a newer warehouse hides nothing.

    >>> sentence("flat", 8, 8.0)
    'the same value for 8 hours'
    """
    if code in QUARANTINED:
        return template(code, language).format(periods=periods)
    return template(code, language).format(periods=periods, number=_text(number, language))


def template(code: str, language: str = "en") -> str:
    """The template of a code, with `{periods}` and `{number}` in it."""
    if code in QUARANTINED:
        return str(getattr(ENTRIES, language)).replace("{meaning}", getattr(QUARANTINED[code], language))
    found = FINDINGS.get(code, Wording(f"{code}: {{periods}}", f"{code}: {{periods}}"))
    return str(getattr(found, language))


def meaning(code: str, language: str = "en") -> str:
    """What is wrong with one entry in quarantine."""
    return str(getattr(QUARANTINED[code], language)) if code in QUARANTINED else code


def gravity(code: str) -> int:
    """The place of a code among a day's findings; entries in quarantine come before what is withdrawn."""
    order = list(FINDINGS)
    return order.index(code) if code in FINDINGS else order.index("flat")


def _text(number: float | None, language: str) -> str:
    text = f"{number:.0f}" if number is not None and abs(number) >= 10 else f"{number or 0:.3g}"
    return text.replace(".", ",") if language == "es" else text
