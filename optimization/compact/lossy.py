"""The named steps that lose something on purpose: only where `--allow` names them, each with its largest error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimization.compact.choices import STEPS
from optimization.compact.encoded import PER_SECOND, Encoded, narrowed, unit_of
from optimization.compact.plan import Plan
from optimization.counted import counted
from optimization.files import BadInput


def parsed(allow: tuple[str, ...]) -> dict[str, int]:
    """The steps that are allowed, by name; BadInput for any other."""
    steps: dict[str, int] = {}
    for word in allow:
        name, _, number = word.strip().partition("=")
        known = name in ("float32", "seconds") and not number
        if name == "decimals" and number.isdigit() and int(number) <= 15:
            steps[name] = int(number)
        elif known:
            steps[name] = 0
        else:
            offered = "; ".join(f"{step}: {what}" for step, what in STEPS.items())
            raise BadInput(f"--allow {word!r} is not a lossy step ({offered})")
    return steps


def lossy(plan: Plan, chunks: list[Encoded], steps: dict[str, int]) -> tuple[Plan, list[Encoded], str]:
    """The column after the steps that concern it, and what was lost ("" where nothing was)."""
    if plan.kind == "timestamp" and "seconds" in steps and "f" in plan.form:
        return _seconds(plan, chunks)
    if plan.kind != "float":
        return plan, chunks, ""
    what: list[str] = []
    if "decimals" in steps and (plan.decimals < 0 or plan.decimals > steps["decimals"]):
        places = steps["decimals"]
        worst = 0.0
        rounded = []
        for chunk in chunks:
            if chunk.kind == "empty":
                rounded.append(chunk)
                continue
            before = chunk.floats()
            scaled = np.rint(before * 10.0**places)
            if np.abs(scaled).max(initial=0.0) >= 2**53:
                return plan, chunks, ""
            worst = max(worst, float(np.abs(scaled / 10.0**places - before).max(initial=0.0)))
            whole = scaled.astype(np.int64)
            low, high = int(whole.min()), int(whole.max())
            values, base = narrowed(whole, chunk.valid, low, high)
            rounded.append(
                replace(
                    chunk,
                    kind="decimal",
                    values=values,
                    base=base,
                    scale=places,
                    low=low / 10.0**places,
                    high=high / 10.0**places,
                )
            )
        chunks = rounded
        what.append(f"rounded to {counted(places, 'decimal')}, largest error {worst:.3g}")
        plan = replace(plan, decimals=places)
    if "float32" in steps:
        worst = 0.0
        cut = []
        for chunk in chunks:
            if chunk.kind == "empty":
                cut.append(chunk)
                continue
            before = chunk.floats()
            if np.abs(before).max(initial=0.0) > float(np.finfo(np.float32).max):
                return plan, chunks, ""
            after = before.astype(np.float32).astype(np.float64)
            worst = max(worst, float(np.abs(after - before).max(initial=0.0)))
            cut.append(replace(chunk, kind="float", values=after, base=0, scale=0))
        if (worst > 0 and plan.decimals < 0) or (worst > 0 and "decimals" not in steps):
            chunks = cut
            plan = replace(plan, decimals=-1)
            what.append(f"float32, largest error {worst:.3g}")
    if not what:
        return plan, chunks, ""
    return replace(plan, why=f"{plan.why}; lossy: {', '.join(what)}"), chunks, ", ".join(what)


def _seconds(plan: Plan, chunks: list[Encoded]) -> tuple[Plan, list[Encoded], str]:
    per_second = PER_SECOND[unit_of(plan.form)]
    digits = plan.form.count("f")
    dot = plan.form.index("f") - 1
    form = plan.form[:dot] + plan.form[dot + 1 + digits :]
    worst = 0
    cut = []
    for chunk in chunks:
        if chunk.kind == "empty":
            cut.append(chunk)
            continue
        seconds, rest = np.divmod(chunk.wide(), per_second)
        if chunk.valid is not None:
            rest = rest[chunk.valid]
            low, high = int(seconds[chunk.valid].min()), int(seconds[chunk.valid].max())
        else:
            low, high = int(seconds.min()), int(seconds.max())
        worst = max(worst, int(rest.max(initial=0)))
        values, base = narrowed(seconds, chunk.valid, low, high)
        cut.append(replace(chunk, values=values, base=base, form=form, low=low, high=high))
    if not worst:
        return plan, chunks, ""
    what = f"cut to seconds, largest error {worst / per_second:.9g} s"
    low, high = int(plan.low) // per_second, int(plan.high) // per_second
    return replace(plan, form=form, low=low, high=high, why=f"{plan.why}; lossy: {what}"), cut, what
