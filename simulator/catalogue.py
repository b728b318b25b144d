"""The simulated catalogue: true ESIOS ids and names, and what each indicator's responses look like. Pure.

Ids, names and short names are those of the public catalogue; the descriptions are our own words, and so are the name of
2387 and the ids of the provinces. Some indicators have no description, as in the real catalogue, and some have no
simulated series: those have no values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from simulator import demand

PENINSULA = (8741, "Península")
SPAIN = (3, "España")
SPOT_AREAS = (SPAIN, (1, "Portugal"), (2, "Francia"), (8826, "Alemania"), (8827, "Bélgica"), (8828, "Países Bajos"))
TARIFF_AREAS = (PENINSULA, (8742, "Canarias"), (8743, "Baleares"), (8744, "Ceuta"), (8745, "Melilla"))
PROVINCES = tuple(
    (10_101 + number, name)
    for number, name in enumerate(
        (
            "A Coruña", "Albacete", "Alicante", "Almería", "Araba/Álava", "Asturias", "Ávila", "Badajoz", "Barcelona",
            "Bizkaia", "Burgos", "Cáceres", "Cádiz", "Cantabria", "Castellón", "Ciudad Real", "Córdoba", "Cuenca",
            "Gipuzkoa", "Girona", "Granada", "Guadalajara", "Huelva", "Huesca", "Jaén", "La Rioja", "León", "Lleida",
            "Lugo", "Madrid", "Málaga", "Murcia", "Navarra", "Ourense", "Palencia", "Pontevedra", "Salamanca",
            "Segovia", "Sevilla", "Soria", "Tarragona", "Teruel", "Toledo", "Valencia", "Valladolid", "Zamora",
            "Zaragoza",
        )
    )
)  # fmt: skip

ENERGY = {"name": "Energía", "id": 13}
POWER = {"name": "Potencia", "id": 20}
PRICE = {"name": "Precio", "id": 23}
SHARE = {"name": "Porcentaje", "id": 24}
HOURLY = {"name": "Hora", "id": 4}
QUARTER_HOURLY = {"name": "Quince minutos", "id": 218}
FIVE_MINUTES = {"name": "Cinco minutos", "id": 112}
DAILY = {"name": "Día", "id": 2}
MONTHLY = {"name": "Mes", "id": 1}

DayCurve = Callable[[int], Sequence[float]]
QUARTER, FIVE = 4, 12


@dataclass(frozen=True)
class Series:
    """How an indicator's values come about. A curve gives one value for each hour of a Madrid day (by its ordinal).

    With `period` day or month a value stands for that, from its Madrid midnight on: the first of its first day's curve.
    """

    curves: tuple[DayCurve, ...]
    first_day: date = date(2014, 1, 1)
    ahead_days: int = 0
    # The local time of day (seconds) from which today's publication counts; before it yesterday's is the newest.
    published_at_s: int = 0
    # From these instants on (Madrid, naive text) an hour comes in so many periods.
    finer_from: tuple[tuple[str, int], ...] = ()
    # `rolling`: issued again every day for the days ahead; `settled`: changes for months; `live`: up to now.
    revised: str = "sealed"
    decimals: int = 0
    period: str = "hour"


@dataclass(frozen=True)
class Indicator:
    """One entry of the catalogue. `description` None: the key is missing from the catalogue.

    `geos`: the areas that the head of a response names, where they are not those of the values.
    """

    id: int
    name: str
    short_name: str
    description: str | None
    magnitude: dict[str, object]
    time: dict[str, object] | None = None
    areas: tuple[tuple[int, str], ...] = (PENINSULA,)
    series: Series | None = None
    composited: bool = False
    step_type: str = "step"
    disaggregated: bool = False
    geos: tuple[tuple[int, str], ...] | None = None

    def entry(self) -> dict[str, object]:
        """The indicator as the catalogue lists it."""
        listed: dict[str, object] = {"name": self.name}
        if self.description is not None:
            listed["description"] = self.description
        return {**listed, "short_name": self.short_name, "id": self.id}

    def header(self) -> dict[str, object]:
        """The indicator as its responses open, before `values_updated_at` and `values`."""
        return {
            "name": self.name,
            "short_name": self.short_name,
            "id": self.id,
            "composited": self.composited,
            "step_type": self.step_type,
            "disaggregated": self.disaggregated,
            "magnitud": [self.magnitude],
            "tiempo": [self.time or HOURLY],
            "geos": [{"geo_id": geo_id, "geo_name": name} for geo_id, name in self._geos()],
        }

    def _geos(self) -> tuple[tuple[int, str], ...]:
        return self.areas if self.geos is None else self.geos


def _about(text: str, published: str, area: str = "peninsulares") -> str:
    return (
        f"<p>{text}</p>\r\n<p>Los datos representados en este indicador se refieren a datos {area}.</p>\r\n"
        f"<p><b>Publicaci&oacute;n:</b> {published}</p>\r\n"
    )


_FORECAST = Series((demand.demand_mw,), ahead_days=7, revised="rolling", finer_from=(("2022-05-24T12:00:00", QUARTER),))
_SPOT = Series(
    (
        demand.spot_price,
        demand.spread_price(60, 4.0, 0.06),
        demand.spread_price(62, 12.0, 0.75),
        demand.spread_price(64, 18.0, 0.95),
        demand.spread_price(66, 16.0, 0.93),
        demand.spread_price(68, 17.0, 0.94),
    ),
    ahead_days=1,
    published_at_s=14 * 3600,
    finer_from=(("2025-10-01T00:00:00", QUARTER),),
    decimals=2,
)

INDICATORS: tuple[Indicator, ...] = (
    Indicator(460, "Previsión diaria de la demanda eléctrica peninsular", "Previsión diaria",
              _about("Previsi&oacute;n de la demanda del sistema para los pr&oacute;ximos d&iacute;as.",
                     "todos los d&iacute;as, con la informaci&oacute;n desde el d&iacute;a D hasta el d&iacute;a D+7."),
              ENERGY, series=_FORECAST),
    Indicator(461, "Previsión mensual de la demanda eléctrica peninsular", "Previsión mensual",
              _about("Previsi&oacute;n mensual de la demanda.", "todos los meses."), ENERGY, MONTHLY,
              series=Series((demand.month_demand_mwh,), ahead_days=35, period="month")),
    Indicator(603, "Previsión semanal de la demanda eléctrica peninsular", "Previsión semanal",
              _about("Previsi&oacute;n semanal de la demanda.", "todas las semanas."), ENERGY),
    Indicator(604, "Previsión máxima mensual de la demanda eléctrica peninsular", "Previsión máxima mensual", None,
              ENERGY),
    Indicator(1775, "Previsión diaria D+1 demanda", "Previsión diaria D+1 demanda",
              _about("Previsi&oacute;n de la demanda del d&iacute;a siguiente; una vez publicada no se actualiza.",
                     "diariamente, con la informaci&oacute;n del d&iacute;a D+1."),
              POWER, series=Series((demand.demand_day_ahead_mw,), first_day=date(2019, 1, 1), ahead_days=1)),
    Indicator(1776, "Previsión intradiaria H+3 demanda", "Previsión intradiaria H+3 demanda", None, POWER),
    Indicator(544, "Demanda prevista", "Demanda prevista",
              _about("Consumo previsto a partir de periodos similares, la laboralidad y la climatolog&iacute;a.",
                     "diariamente a las 0:00 horas."),
              POWER, FIVE_MINUTES,
              series=Series((demand.demand_mw,), ahead_days=1, finer_from=(("2014-01-01T00:00:00", FIVE),))),
    Indicator(545, "Demanda programada", "Demanda programada",
              _about("Energ&iacute;a programada en los mercados y en los procesos de operaci&oacute;n.", "cada hora."),
              POWER, FIVE_MINUTES,
              series=Series((demand.scheduled_demand_mw,), ahead_days=1, finer_from=(("2014-01-01T00:00:00", FIVE),))),
    Indicator(1293, "Demanda real", "Demanda real",
              _about("Valor real de la demanda medida en tiempo real.", "cada 5 minutos."),
              POWER, FIVE_MINUTES,
              series=Series((demand.actual_demand_mw,), revised="live", finer_from=(("2014-01-01T00:00:00", FIVE),))),
    Indicator(624, "Demanda real máximo diario", "Máximo diario", None, POWER, DAILY,
              series=Series((demand.highest_demand_mw,), first_day=date(2016, 3, 1), ahead_days=-1, period="day")),
    Indicator(625, "Demanda real mínimo diario", "Mínimo diario", None, POWER, DAILY),
    Indicator(1335, "Demanda del sistema a efectos del cálculo de perfiles", "Demanda real perfiles", None, ENERGY),
    Indicator(1740, "Demanda Real SNP", "Demanda Real SNP", None, POWER),
    Indicator(1742, "Demanda prevista SNP", "Demanda prevista SNP", None, POWER),
    Indicator(2037, "Demanda real nacional", "Demanda real nacional", "", POWER, areas=(SPAIN,)),
    Indicator(2052, "Demanda real prevista nacional", "Demanda real prevista nacional", "", POWER, areas=(SPAIN,)),
    Indicator(10004, "Demanda real suma de generación", "Demanda real suma generación", None, POWER, composited=True),
    Indicator(10027, "Demanda programada P48 total", "Demanda Peninsular", None, ENERGY, composited=True,
              series=Series((demand.scheduled_demand_mw,), first_day=date(2018, 5, 9), ahead_days=1)),
    Indicator(541, "Previsión de la producción eólica peninsular", "Previsión eólica",
              _about("Previsi&oacute;n de la producci&oacute;n e&oacute;lica.", "cada hora."), POWER,
              series=Series((demand.wind_mw,), ahead_days=1)),
    Indicator(1777, "Previsión diaria D+1 eólica", "Previsión diaria D+1 eólica", None, POWER),
    Indicator(542, "Generación prevista Solar fotovoltaica", "Solar fotovoltaica",
              _about("Previsi&oacute;n de la producci&oacute;n fotovoltaica.", "cada hora."), POWER,
              series=Series((demand.solar_mw,), ahead_days=1)),
    Indicator(543, "Generación prevista Solar térmica", "Solar térmica", None, POWER),
    Indicator(1779, "Previsión diaria D+1 fotovoltaica", "Previsión diaria D+1 fotovoltaica", None, POWER),
    Indicator(10034, "Generación prevista Solar", "Previsión solar",
              "Previsi&oacute;n de la producci&oacute;n solar:<ul><li>fotovoltaica (542) &amp;</li>"
              "<li>t&eacute;rmica (543)</li></ul>Publicaci&oacute;n: cada hora.",
              POWER, composited=True, series=Series((demand.solar_mw,), first_day=date(2015, 6, 1), ahead_days=1)),
    Indicator(546, "Generación T.Real hidráulica", "Hidráulica", None, POWER, FIVE_MINUTES),
    Indicator(547, "Generación T.Real carbón", "Carbón", None, POWER, FIVE_MINUTES),
    Indicator(549, "Generación T.Real nuclear", "Nuclear", None, POWER, FIVE_MINUTES),
    Indicator(551, "Generación T.Real eólica", "Eólica",
              _about("Producci&oacute;n e&oacute;lica medida en tiempo real.", "cada 5 minutos."), POWER, FIVE_MINUTES,
              series=Series((demand.wind_mw,), revised="live", finer_from=(("2014-01-01T00:00:00", FIVE),))),
    Indicator(1161, "Generación medida Solar fotovoltaica", "Solar fotovoltaica",
              _about("Energ&iacute;a medida en barras de central &lt; liquidaci&oacute;n &gt;.",
                     "con cada liquidaci&oacute;n.<br/>Se publica por provincias.", "de cada provincia"),
              ENERGY, areas=PROVINCES, geos=(), disaggregated=True,
              series=Series(demand.solar_mwh_by_province(len(PROVINCES)), ahead_days=-4, revised="settled",
                            decimals=3)),
    Indicator(1295, "Generación T.Real Solar fotovoltaica", "Solar fotovoltaica", None, POWER, FIVE_MINUTES),
    Indicator(600, "Precio mercado SPOT Diario", "Mercado SPOT",
              _about("Precio del acoplamiento de los mercados diarios europeos (SDAC) en seis pa&iacute;ses.",
                     "en torno a las 14:00 horas con el d&iacute;a D+1.", "de cada pa&iacute;s"),
              PRICE, areas=SPOT_AREAS, geos=SPOT_AREAS[:-1], series=_SPOT),
    Indicator(612, "Precio mercado SPOT Intradiario Sesión 1", "Intradiario Sesión 1", None, PRICE),
    Indicator(573, "Precio medio de la demanda en los SNP por sistema", "Precio medio demanda sistema", None, PRICE),
    # The blank at the end of the name is the real catalogue's.
    Indicator(805, "Precio medio horario componente mercado diario ", "Mercado Diario", None, PRICE),
    Indicator(1001, "Término de facturación de energía activa del PVPC 2.0TD", "PVPC T. 2.0TD",
              _about("T&eacute;rmino de facturaci&oacute;n de energ&iacute;a activa del PVPC.",
                     "a las 20:15 con el d&iacute;a D+1.", "de cada sistema"),
              PRICE, areas=TARIFF_AREAS,
              series=Series((demand.tariff_price,) * 5, first_day=date(2021, 6, 1), ahead_days=1,
                            published_at_s=20 * 3600 + 15 * 60, decimals=2)),
    Indicator(1739,
              "Precio de la energía excedentaria del autoconsumo para el mecanismo de compensación simplificada (PVPC)",
              "Precio de la energía excedentaria",
              _about("Precio horario de la energ&iacute;a excedentaria del autoconsumo.",
                     "a las 20:15 con el d&iacute;a D+1.", "de Espa&ntilde;a"),
              PRICE, areas=(SPAIN,),
              series=Series((demand.spot_price,), first_day=date(2021, 6, 1), ahead_days=1,
                            published_at_s=20 * 3600 + 15 * 60, decimals=2)),
    Indicator(2387, "Componente del término de facturación de energía activa del PVPC", "Componente del PVPC",
              _about("Componente de la tarifa; cada cuarto de hora desde 2026.", "a las 20:15 con el d&iacute;a D+1."),
              PRICE, QUARTER_HOURLY,
              series=Series((demand.tariff_price,), first_day=date(2021, 6, 1), ahead_days=1,
                            published_at_s=20 * 3600 + 15 * 60, decimals=2,
                            finer_from=(("2026-01-01T00:00:00", QUARTER),))),
    Indicator(10211, "Precio medio horario final suma de componentes", "Precio medio horario final suma",
              _about("Precio medio final de la energ&iacute;a, suma de sus componentes.",
                     "el d&iacute;a D+1, y de nuevo con cada liquidaci&oacute;n."),
              PRICE, composited=True,
              series=Series((demand.final_price,), ahead_days=-1, revised="settled", decimals=2)),
    Indicator(10033, "Porcentaje de generación libre de CO2", "Generación libre de CO2", None, SHARE, composited=True,
              series=Series((demand.clean_share,), first_day=date(2019, 1, 1), revised="live", decimals=1,
                            finer_from=(("2014-01-01T00:00:00", FIVE),))),
)  # fmt: skip

BY_ID: dict[int, Indicator] = {indicator.id: indicator for indicator in INDICATORS}


def search(text: str) -> list[Indicator]:
    """The indicators whose name holds `text`; case does not matter, accents do."""
    wanted = text.casefold()
    return [indicator for indicator in INDICATORS if wanted in indicator.name.casefold()]
