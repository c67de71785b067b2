"""English: of the United States, of India, and of everywhere else."""

from __future__ import annotations

import re

import attrs

from trioaudio.core.front_end.normalise.locale import (
    Context,
    Currency,
    DateOrder,
    Grouping,
    Locale,
    Noun,
)
from trioaudio.core.front_end.normalise.numbers_in_words import (
    english_cardinal,
    english_ordinal,
    english_year,
    indian_english_cardinal,
)
from trioaudio.core.front_end.word_characters import words_in

MONTHS = words_in(
    "January February March April May June July August September October November December"
)
MONTH_NAMES = (
    {name.lower(): number for number, name in enumerate(MONTHS, 1)}
    | {name[:3].lower(): number for number, name in enumerate(MONTHS, 1)}
    | {"sept": 9}
)

_DOLLARS = Currency(Noun("dollar", "dollars"), Noun("cent", "cents"), Grouping.WESTERN)
_RUPEES = Currency(Noun("rupee", "rupees"), Noun("paisa", "paise"), Grouping.INDIAN)
_EUROS = Currency(Noun("euro", "euros"), Noun("cent", "cents"), Grouping.WESTERN)
_POUNDS = Currency(Noun("pound", "pounds"), Noun("penny", "pence"), Grouping.WESTERN)
_DIRHAMS = Currency(Noun("dirham", "dirhams"), Noun("fils", "fils"), Grouping.WESTERN)
CONTEXT = Context(
    code=(
        r"(?i:OTPs?|one[- ]time (?:password|pin|code)|PIN(?: ?code)?|M?PIN|passcode|pass ?word"
        r"|CVV|code|verification(?: number)?)"
    ),
    code_link=r"(?i:is|to|as|=|enter)",
    code_after=r"(?i:is|as) (?:your|the|my|an?)",
    identifier=(
        r"(?i:PNR|order|booking|reference|ref|ticket|invoice|tracking|policy|vehicle|registration"
        r"|transaction|txn|account|acct|a/c|card|customer|complaint|application|consignment|AWB"
        r"|ID|UTR|IFSC|PAN|Aadhaar|serial)"
    ),
    telephone=(
        r"(?i:call|dial|phone|mobile|telephone|tel|helpline|toll[- ]free|contact|WhatsApp|fax"
        r"|ext|extension)"
    ),
    keys=r"(?i:press|dial|enter|hit|key|the)",
    keys_after="(?!)",
    year=(
        r"(?i:in|since|until|till|by|before|after|during|year|of|circa|early|late|mid|FY|summer"
        r"|winter|spring|autumn|copyright|©|class of|born|founded|established)"
    ),
    year_after="(?!)",
    roman=(
        r"(?:Chapter|Part|Phase|Class|Section|Volume|War|Article|Book|Grade|Type|Stage|Schedule"
        r"|Unit|Level|Tier)"
    ),
)


def _units() -> dict[str, Noun]:
    by_name = {
        "kilometre": "km kms",
        "metre": "m",
        "centimetre": "cm",
        "millimetre": "mm",
        "kilogram": "kg kgs",
        "gram": "g gm gms",
        "milligram": "mg",
        "tonne": "t",
        "litre": "l L ltr",
        "millilitre": "ml mL",
        "gigabyte": "GB",
        "megabyte": "MB",
        "kilobyte": "KB kB",
        "terabyte": "TB",
        "megabit per second": "Mbps",
        "gigabit per second": "Gbps",
        "millisecond": "ms",
        "second": "sec secs",
        "minute": "min mins",
        "hour": "hr hrs",
        "year": "yr yrs",
        "watt": "W",
        "kilowatt": "kW",
        "kilowatt hour": "kWh",
        "volt": "V",
        "mile": "mi",
        "square metre": "sqm m²",
        "square kilometre": "km²",
        "cubic metre": "m³",
        "degree Celsius": "°C",
        "degree Fahrenheit": "°F",
        "degree": "°",
        "kilometre per hour": "km/h kmph kph",
        "mile per hour": "mph",
        "pound": "lb lbs",
    }
    plurals = {
        "megabit per second": "megabits per second",
        "gigabit per second": "gigabits per second",
        "degree Celsius": "degrees Celsius",
        "degree Fahrenheit": "degrees Fahrenheit",
        "kilometre per hour": "kilometres per hour",
        "mile per hour": "miles per hour",
    }
    units = {
        written: Noun(name, plurals.get(name, name + "s"))
        for name, all_written in by_name.items()
        for written in all_written.split()
    }
    unchanged = {"Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz"}
    units |= {written: Noun(name, name) for written, name in unchanged.items()}
    units |= {"ft": Noun("foot", "feet"), "sq ft": Noun("square foot", "square feet")}
    return units | {"sq. ft.": units["sq ft"], "sqft": units["sq ft"]}


def _american_units() -> dict[str, Noun]:
    def spell(name: str) -> str:
        return name.replace("metre", "meter").replace("litre", "liter")

    return {key: Noun(spell(noun.one), spell(noun.many)) for key, noun in _units().items()}


def _cardinal(number: int, grouping: Grouping) -> str:
    return (
        indian_english_cardinal(number) if grouping is Grouping.INDIAN else english_cardinal(number)
    )


def _western_cardinal(number: int, grouping: Grouping) -> str:  # noqa: ARG001 a Locale's signature
    return english_cardinal(number)


def _month_first(day: int, month: int, year: int | None) -> str:
    words = f"{MONTHS[month - 1]} {english_ordinal(day)}"
    return words if year is None else f"{words} {english_year(year)}"


def _day_first(day: int, month: int, year: int | None) -> str:
    words = f"{english_ordinal(day)} {MONTHS[month - 1]}"
    return words if year is None else f"{words} {english_year(year)}"


def _clock(hour: int, minute: int, half_day: str) -> str:
    said = english_cardinal(hour)
    if minute:
        said += f" {english_cardinal(minute)}" if minute > 9 else f" oh {english_cardinal(minute)}"
    if half_day:
        return f"{said} {half_day.upper()}"
    if minute:
        return said
    return f"{said} o'clock" if 1 <= hour <= 12 else f"{said} hundred hours"


AMERICAN = Locale(
    grouping=Grouping.WESTERN,
    date_order=DateOrder.MONTH_FIRST,
    cardinal=_western_cardinal,
    ordinal=english_ordinal,
    year=english_year,
    date=_month_first,
    clock=_clock,
    digits=words_in("zero one two three four five six seven eight nine"),
    month_names=MONTHS,
    months=MONTH_NAMES,
    currencies={
        "$": _DOLLARS,
        "US$": _DOLLARS,
        "USD": _DOLLARS,
        "₹": _RUPEES,
        "Rs": _RUPEES,
        "Rs.": _RUPEES,
        "rs.": _RUPEES,
        "INR": _RUPEES,
        "€": _EUROS,
        "EUR": _EUROS,
        "£": _POUNDS,
        "GBP": _POUNDS,
        "AED": _DIRHAMS,
    },
    scales={
        "lakh": ("lakh", 5),
        "lakhs": ("lakh", 5),
        "lac": ("lakh", 5),
        "lacs": ("lakh", 5),
        "crore": ("crore", 7),
        "crores": ("crore", 7),
        "cr": ("crore", 7),
        "hundred": ("hundred", 2),
        "thousand": ("thousand", 3),
        "k": ("thousand", 3),
        "K": ("thousand", 3),
        "million": ("million", 6),
        "mn": ("million", 6),
        "M": ("million", 6),
        "billion": ("billion", 9),
        "bn": ("billion", 9),
        "B": ("billion", 9),
        "trillion": ("trillion", 12),
    },
    units=_american_units(),
    fractions={
        (1, 2): "one half",
        (1, 3): "one third",
        (2, 3): "two thirds",
        (1, 4): "one quarter",
        (3, 4): "three quarters",
        (1, 8): "one eighth",
        (3, 8): "three eighths",
        (5, 8): "five eighths",
        (7, 8): "seven eighths",
    },
    signs={
        ".": "dot",
        "@": "at",
        "_": "underscore",
        "-": "dash",
        "+": "plus",
        "%": "percent",
        "/": "slash",
        "*": "star",
        "#": "hash",
        ":": "colon",
        "&": "and",
    },
    ordinal_suffixes=dict.fromkeys(("st", "nd", "rd", "th", "ST", "ND", "RD", "TH"), ""),
    ordinal_words={},
    suffix_pattern=re.compile(r"(\d{1,3}(?:,\d{3})+|\d{1,6})(st|nd|rd|th|ST|ND|RD|TH)"),
    half_days=("am", "pm"),
    point="point",
    minus="minus",
    percent="percent",
    to="to",
    and_="and",
    all_day="twenty-four seven",
    number_sign="number",
    seconds="seconds",
    context=CONTEXT,
)
INDIAN = attrs.evolve(
    AMERICAN,
    grouping=Grouping.INDIAN,
    date_order=DateOrder.DAY_FIRST,
    cardinal=_cardinal,
    date=_day_first,
    units=_units(),
)
INTERNATIONAL = attrs.evolve(
    AMERICAN, date_order=DateOrder.DAY_FIRST, date=_day_first, units=_units()
)
