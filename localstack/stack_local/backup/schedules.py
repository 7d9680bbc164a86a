"""Whether a cron expression is one that AWS takes: six fields, as EventBridge has them."""

import re

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def _number(text: str, names: tuple[str, ...], first: int) -> int | None:
    if text.upper() in names:
        return names.index(text.upper()) + first
    return int(text) if text.isdigit() else None


def _is_field(text: str, least: int, most: int, names: tuple[str, ...] = ()) -> bool:
    """Lists of numbers, ranges and steps."""
    for part in text.split(","):
        body, slash, step = part.partition("/")
        if slash and not (step.isdigit() and int(step) > 0):
            return False
        if body == "*":
            continue
        ends = [_number(end, names, least) for end in body.split("-")]
        if len(ends) > 2 or any(end is None or not least <= end <= most for end in ends):
            return False
    return True


def is_cron(expression: str) -> bool:
    # "You can't specify the Day-of-month and Day-of-week fields in the same cron expression"
    # (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html).
    match = re.fullmatch(r"cron\((.*)\)", expression)
    fields = match[1].split() if match else []
    if len(fields) != 6:
        return False
    minute, hour, date, month, weekday, year = fields
    if (date == "?") == (weekday == "?"):
        return False
    dates = date == "?" or bool(re.fullmatch(r"L|LW|([1-9]|[12]\d|3[01])W", date)) or _is_field(date, 1, 31)
    weekdays = (
        weekday == "?"
        or bool(re.fullmatch(r"(?i)([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)?L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#[1-5]", weekday))
        or _is_field(weekday, 1, 7, _DAYS)
    )
    return (
        _is_field(minute, 0, 59)
        and _is_field(hour, 0, 23)
        and dates
        and _is_field(month, 1, 12, _MONTHS)
        and weekdays
        and _is_field(year, 1970, 2199)
    )
