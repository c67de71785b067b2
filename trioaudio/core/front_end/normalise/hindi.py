"""Hindi, as it is written in India: in Devanagari, with many an English word among it."""

from __future__ import annotations

import re

from trioaudio.core.front_end.normalise import english
from trioaudio.core.front_end.normalise.locale import (
    Context,
    Currency,
    DateOrder,
    Grouping,
    Locale,
    Noun,
)
from trioaudio.core.front_end.normalise.numbers_in_words import (
    hindi_cardinal,
    hindi_ordinal,
    hindi_year,
)
from trioaudio.core.front_end.word_characters import words_in

_MONTHS = words_in("जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर")
_MONTHS_OTHERWISE = {
    "फरवरी": 2,
    "सितम्बर": 9,
    "अक्तूबर": 10,
    "नवम्बर": 11,
    "दिसम्बर": 12,
}


def _same(word: str) -> Noun:
    return Noun(word, word)


def _currency(unit: str, one_hundredth: str, hundredths: str, grouping: Grouping) -> Currency:
    plural = {"रुपया": "रुपये"}.get(unit, unit)
    return Currency(Noun(unit, plural), Noun(one_hundredth, hundredths), grouping)


_RUPEES = _currency("रुपया", "पैसा", "पैसे", Grouping.INDIAN)
_DOLLARS = _currency("डॉलर", "सेंट", "सेंट", Grouping.INDIAN)
_EUROS = _currency("यूरो", "सेंट", "सेंट", Grouping.INDIAN)
_POUNDS = _currency("पाउंड", "पेंस", "पेंस", Grouping.INDIAN)
_DIRHAMS = _currency("दिरहम", "फ़िल्स", "फ़िल्स", Grouping.INDIAN)

_UNITS = {
    "km": "किलोमीटर",
    "किमी": "किलोमीटर",
    "m": "मीटर",
    "cm": "सेंटीमीटर",
    "mm": "मिलीमीटर",
    "kg": "किलोग्राम",
    "किग्रा": "किलोग्राम",
    "g": "ग्राम",
    "mg": "मिलीग्राम",
    "L": "लीटर",
    "l": "लीटर",
    "ml": "मिलीलीटर",
    "GB": "जीबी",
    "MB": "एमबी",
    "KB": "केबी",
    "TB": "टीबी",
    "Mbps": "एमबीपीएस",
    "ms": "मिलीसेकंड",
    "sec": "सेकंड",
    "min": "मिनट",
    "hr": "घंटे",
    "hrs": "घंटे",
    "°C": "डिग्री सेल्सियस",
    "°F": "डिग्री फ़ारेनहाइट",
    "°": "डिग्री",
    "km/h": "किलोमीटर प्रति घंटा",
    "kmph": "किलोमीटर प्रति घंटा",
    "kWh": "किलोवाट घंटे",
    "kW": "किलोवाट",
    "W": "वाट",
    "V": "वोल्ट",
    "sq ft": "वर्ग फ़ुट",
    "ft": "फ़ुट",
    "Hz": "हर्ट्ज़",
    "MHz": "मेगाहर्ट्ज़",
}
# By hour and minute; under 0 for any hour.
_QUARTERS = {
    (1, 30): "डेढ़",
    (2, 30): "ढाई",
    (0, 15): "सवा {hour}",
    (0, 30): "साढ़े {hour}",
    (0, 45): "पौने {later}",
}
_SUFFIXES = (
    "वाँ",
    "वां",
    "वीं",
    "वें",
    "वे",
    "वी",
    "ला",
    "ली",
    "ले",
    "रा",
    "री",
    "रे",
    "था",
    "थी",
    "थे",
    "ठा",
    "ठी",
    "ठे",
)
_STEMS = {1: "पहल", 2: "दूसर", 3: "तीसर", 4: "चौथ", 6: "छठ"}
_ENDINGS = {"ला": "ा", "ली": "ी", "ले": "े", "रा": "ा", "री": "ी", "रे": "े"} | {
    "था": "ा",
    "थी": "ी",
    "थे": "े",
    "ठा": "ा",
    "ठी": "ी",
    "ठे": "े",
}
_OF_NUMBER = {1: "ल", 2: "र", 3: "र", 4: "थ", 6: "ठ"}
_CONTEXT = Context(
    code=rf"(?:{english.CONTEXT.code}|ओ\.?टी\.?पी|पिन(?: ?कोड)?|कोड|पासवर्ड|सीवीवी)",
    code_link=rf"(?:{english.CONTEXT.code_link}|है|को|में)",
    code_after=rf"(?:{english.CONTEXT.code_after}|आपका|आपकी|ही|यह)",
    identifier=(
        rf"(?:{english.CONTEXT.identifier}|पीएनआर|ऑर्डर|बुकिंग|रेफ़रेंस|टिकट|खाता|खाते|कार्ड"
        r"|शिकायत|आवेदन|आईडी|आधार|पैन)"
    ),
    telephone=(rf"(?:{english.CONTEXT.telephone}|कॉल|फ़ोन|फोन|मोबाइल|हेल्पलाइन|टोल-?फ़्री|संपर्क|डायल)"),
    keys=rf"(?:{english.CONTEXT.keys}|डायल करें)",
    keys_after="(?:दबाएँ|दबाएं|दबाइए|दबाकर|डायल)",
    year=rf"(?:{english.CONTEXT.year}|सन्|सन|वर्ष|साल|ई)",
    year_after="(?:में|तक|से|के|ई)",
    roman=rf"(?:{english.CONTEXT.roman}|कक्षा|भाग|अध्याय|चरण)",
)


def _cardinal(number: int, grouping: Grouping) -> str:  # noqa: ARG001 Hindi counts in lakhs only
    return hindi_cardinal(number)


def _date(day: int, month: int, year: int | None) -> str:
    words = f"{'पहली' if day == 1 else hindi_cardinal(day)} {_MONTHS[month - 1]}"
    return words if year is None else f"{words} {hindi_year(year)}"


def _clock(hour: int, minute: int, half_day: str) -> str:
    """Say quarters the way Hindi does, when बजे follows; otherwise hour and minute."""
    said = hindi_cardinal(hour)
    suffix = {"am": " एएम", "pm": " पीएम"}.get(half_day, "")
    if not minute:
        return said + (suffix or " बजे")
    quarter = _QUARTERS.get((hour, minute)) or _QUARTERS.get((0, minute))
    if half_day == "बजे" and quarter is not None and 1 <= hour <= 12:
        later = hindi_cardinal(hour % 12 + 1)
        return f"{quarter.format(hour=said, later=later)} बजे"
    return f"{said} बजकर {hindi_cardinal(minute)} मिनट{suffix}"


HINDI = Locale(
    grouping=Grouping.INDIAN,
    date_order=DateOrder.DAY_FIRST,
    cardinal=_cardinal,
    ordinal=hindi_ordinal,
    year=hindi_year,
    date=_date,
    clock=_clock,
    digits=tuple(hindi_cardinal(digit) for digit in range(10)),
    month_names=_MONTHS,
    months=english.MONTH_NAMES
    | {name: number for number, name in enumerate(_MONTHS, 1)}
    | _MONTHS_OTHERWISE,
    currencies={
        "₹": _RUPEES,
        "Rs": _RUPEES,
        "Rs.": _RUPEES,
        "rs.": _RUPEES,
        "रु": _RUPEES,
        "रु.": _RUPEES,
        "INR": _RUPEES,
        "$": _DOLLARS,
        "US$": _DOLLARS,
        "USD": _DOLLARS,
        "€": _EUROS,
        "EUR": _EUROS,
        "£": _POUNDS,
        "GBP": _POUNDS,
        "AED": _DIRHAMS,
    },
    scales={
        "लाख": ("लाख", 5),
        "lakh": ("लाख", 5),
        "lakhs": ("लाख", 5),
        "करोड़": ("करोड़", 7),
        "करोड": ("करोड़", 7),
        "crore": ("करोड़", 7),
        "crores": ("करोड़", 7),
        "हज़ार": ("हज़ार", 3),
        "हजार": ("हज़ार", 3),
        "thousand": ("हज़ार", 3),
        "सौ": ("सौ", 2),
        "अरब": ("अरब", 9),
        "million": ("मिलियन", 6),
        "billion": ("बिलियन", 9),
    },
    units={written: _same(name) for written, name in _UNITS.items()},
    fractions={
        (1, 2): "आधा",
        (1, 4): "एक चौथाई",
        (3, 4): "तीन चौथाई",
        (1, 3): "एक तिहाई",
        (2, 3): "दो तिहाई",
    },
    signs={
        ".": "डॉट",
        "@": "ऐट",
        "_": "अंडरस्कोर",
        "-": "डैश",
        "+": "प्लस",
        "%": "प्रतिशत",
        "/": "स्लैश",
        "*": "स्टार",
        "#": "हैश",
        ":": "कोलन",
        "&": "और",
    },
    ordinal_suffixes={suffix: suffix.replace("वां", "वाँ") for suffix in _SUFFIXES[:6]},
    ordinal_words={
        (number, suffix): _STEMS[number] + ending
        for suffix, ending in _ENDINGS.items()
        for number in _STEMS
        if suffix.startswith(_OF_NUMBER[number])
    },
    suffix_pattern=re.compile(rf"(\d{{1,6}})({'|'.join(_SUFFIXES)})"),
    half_days=("am", "pm", "बजे"),
    point="दशमलव",
    minus="माइनस",
    percent="प्रतिशत",
    to="से",
    and_="और",
    all_day="चौबीसों घंटे",
    number_sign="नंबर",
    seconds="सेकंड",
    context=_CONTEXT,
)
