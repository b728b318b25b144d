"""The registry: ids by name, and what to do about a name that is not there."""

from datetime import date

import pytest

from extract.errors import UsageError
from extract.registry import CadenceSpan, default_indicators, find_indicators, registry

NAME = "Previsión diaria de la demanda eléctrica peninsular"


def test_460_is_the_first_entry_and_what_a_command_means_by_default() -> None:
    first = registry()[0]
    assert (first.id, first.name, first.role, first.unit) == (460, NAME, "demand_forecast", "MW")
    assert (first.cadences, first.time_agg, first.areas) == ((CadenceSpan(date.min, "hour"),), "average", (8741,))
    assert [indicator.id for indicator in default_indicators()] == [460]


def test_an_id_and_an_exact_name_mean_the_same_and_count_once() -> None:
    assert [indicator.id for indicator in find_indicators([NAME, "460", " 1293 "])] == [460, 1293]


@pytest.mark.parametrize("wanted", ["461", "demanda", NAME.upper(), "", "460; drop table x"])
def test_what_is_not_registered_is_refused_with_the_way_to_add_it(wanted: str) -> None:
    with pytest.raises(UsageError, match=r"not registered.*esios add .*registered are 460, 1775") as caught:
        find_indicators([wanted])
    assert caught.value.exit_code == 2
