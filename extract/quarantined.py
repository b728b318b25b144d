"""What the codes of quarantined entries (stg_esios__rejected_values) mean, in words."""

from __future__ import annotations

SENTENCES = {
    "time_unreadable": "the time cannot be read",
    "offset_contradicts": "the offset contradicts Europe/Madrid",
    "value_null": "the value is null",
    "value_not_number": "the value is not a number",
    "two_values": "two values for one period in one response",
    "not_registered": "the indicator is not registered",
    "area_missing": "no area is named, and the registry lists several",
    "off_cadence": "the instant is off the cadence",
    "period_in_parts": "the period comes in parts",
}
