"""Sizes, times and scores as people read them: 1.2 GB, 3 h 20 min, .508."""

import re

from harness.errors import UserError

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
"""Unit in capitals -> bytes."""


def describe_count(number: int, what: str) -> str:
    """`1 image`, `1,982 images`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def describe_size(n_bytes: int) -> str:
    """Three digits and a unit: 1.23 GB."""
    # 999.5 of a unit and more has no three digits in it.
    unit = next((unit for unit in ("TB", "GB", "MB", "KB") if n_bytes >= 0.9995 * UNITS[unit]), "B")
    return f"{n_bytes / UNITS[unit]:.3g} {unit.replace('K', 'k')}"


def parse_size(option: str, text: str) -> int:
    """Bytes of `100GB`, `1.5 TB` or `1000`.

    Raises:
        UserError: it is no number with one of these units; names the option.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgGtT]?[bB]?)\s*", text, re.ASCII)
    unit = found[2].upper() if found else ""
    unit += "B" * (unit in "KMGT" and unit != "")
    if found is None or len(found[1]) > 20:
        raise UserError(f"{option}: expected a size such as 100GB, 500MB or 0, found {text!r}")
    return int(float(found[1]) * UNITS[unit])


def describe_duration(seconds: float) -> str:
    """Seconds up to a minute and a half, then minutes, then hours, then days, each with what is smaller by one step."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 1 else "less than 1 s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 36:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def describe_score(value: float, *, higher_is_better: bool, digits: int = 3) -> str:
    """A fraction without its zero, 0.508 as .508; an error has the unit of the labels, and any size."""
    if not higher_is_better:
        return f"{value:.4g}"
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{digits}f}")
