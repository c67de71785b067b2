"""Estimates against words told by eSpeak NG itself, recorded once."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.word_estimate import estimate_words

# Text, milliseconds of its audio, and where words begin: characters before, milliseconds before.
RECORDED: list[tuple[str, int, dict[int, int]]] = [
    (
        "Your order has shipped, and it should arrive on Thursday afternoon.",
        3343,
        {
            0: 0,
            5: 183,
            11: 447,
            15: 654,
            24: 1238,
            28: 1399,
            31: 1532,
            38: 1773,
            45: 2072,
            48: 2232,
            57: 2701,
        },
    ),
    (
        (
            "Hello, this is the clinic calling about your appointment; please press "
            "one to confirm it, or two to change it."
        ),
        5958,
        {
            0: 0,
            7: 568,
            12: 760,
            15: 896,
            19: 1020,
            26: 1409,
            34: 1716,
            40: 2098,
            45: 2252,
            58: 3163,
            65: 3485,
            71: 3761,
            75: 3982,
            78: 4115,
            86: 4567,
            90: 4918,
            93: 5031,
            97: 5232,
            100: 5376,
            107: 5802,
        },
    ),
    (
        "The total is 1,249 dollars and 50 cents.",
        4240,
        {0: 0, 4: 139, 10: 536, 13: 658, 19: 2724, 27: 3172, 31: 3377, 34: 3755},
    ),
    (
        "I'm sorry, I didn't quite catch that. Could you say it again?",
        3598,
        {
            0: 0,
            4: 186,
            11: 655,
            13: 771,
            20: 1191,
            26: 1568,
            32: 1890,
            38: 2518,
            44: 2740,
            48: 2854,
            52: 3060,
            55: 3198,
        },
    ),
    (
        "For security reasons, we never ask for your password over the telephone.",
        3885,
        {
            0: 0,
            4: 182,
            13: 785,
            22: 1465,
            25: 1605,
            31: 1878,
            35: 2132,
            39: 2308,
            44: 2463,
            53: 2945,
            58: 3181,
            62: 3298,
        },
    ),
    (
        (
            "Extraordinary circumstances notwithstanding, "
            "responsibility remains internationally divided."
        ),
        5182,
        {0: 0, 14: 706, 28: 1582, 45: 2616, 60: 3481, 68: 3879, 84: 4577},
    ),
    (
        "Guten Tag, Ihre Bestellung ist unterwegs und kommt voraussichtlich am Donnerstag an.",
        4627,
        {
            0: 0,
            6: 323,
            11: 844,
            16: 1038,
            27: 1491,
            31: 1675,
            41: 2356,
            45: 2567,
            51: 2892,
            67: 3765,
            70: 3895,
            81: 4413,
        },
    ),
    (
        "Bonjour, votre rendez-vous est confirmé pour lundi prochain à quatorze heures.",
        3478,
        {
            0: 0,
            9: 573,
            15: 866,
            27: 1296,
            31: 1375,
            40: 1839,
            45: 2032,
            51: 2279,
            60: 2656,
            62: 2772,
            71: 3200,
        },
    ),
    (
        "Gracias por llamar. Por favor, espere en la línea mientras le atendemos.",
        4057,
        {
            0: 0,
            8: 409,
            12: 570,
            20: 1271,
            24: 1465,
            31: 2041,
            38: 2366,
            41: 2491,
            44: 2597,
            50: 2890,
            59: 3342,
            62: 3435,
        },
    ),
    (
        "नमस्ते, आपका ऑर्डर भेज दिया गया है और कल शाम तक पहुँच जाएगा।",
        4110,
        {
            0: 0,
            8: 624,
            13: 952,
            19: 1244,
            23: 1522,
            28: 1748,
            32: 2007,
            35: 2233,
            38: 2370,
            41: 2605,
            45: 2902,
            48: 3117,
            54: 3620,
        },
    ),
    (
        "வணக்கம், உங்கள் ஆர்டர் நாளை மாலை வந்து சேரும்.",
        2843,
        {0: 0, 9: 763, 16: 1057, 23: 1365, 28: 1735, 33: 2104, 39: 2411},
    ),
    (
        "Здравствуйте, ваш заказ отправлен и прибудет в четверг.",
        3120,
        {0: 0, 14: 839, 18: 1060, 24: 1385, 34: 1922, 36: 1994, 45: 2504, 47: 2592},
    ),
    (
        "您好，您的订单已经发货，预计星期四下午送到。",
        5154,
        {
            0: 0,
            3: 697,
            4: 970,
            5: 1110,
            6: 1388,
            7: 1663,
            9: 2138,
            10: 2370,
            12: 2822,
            13: 3014,
            14: 3271,
            15: 3617,
            16: 3897,
            17: 4133,
            19: 4571,
            20: 4933,
        },
    ),
    (
        "こんにちは、ごちゅうもんのしょうひんは あした とどきます。",
        3318,
        {0: 0, 6: 895, 20: 2154, 24: 2568},
    ),
    (
        "Obrigado por ligar. O seu pedido foi enviado e chegará amanhã de manhã.",
        4296,
        {
            0: 0,
            9: 523,
            13: 674,
            20: 1330,
            22: 1393,
            26: 1571,
            33: 1986,
            37: 2179,
            45: 2727,
            47: 2821,
            55: 3300,
            62: 3724,
            65: 3836,
        },
    ),
    (
        "దయచేసి వేచి ఉండండి, మా ప్రతినిధి త్వరలో మాట్లాడతారు.",
        4003,
        {0: 0, 7: 598, 12: 974, 20: 1611, 23: 1835, 33: 2439, 40: 2996},
    ),
    (
        "আপনার অর্ডার পাঠানো হয়েছে, আগামীকাল পৌঁছাবে।",
        3184,
        {0: 0, 6: 444, 13: 798, 20: 1305, 28: 1882, 37: 2512},
    ),
    (
        "Aradığınız için teşekkür ederiz. Lütfen hatta kalın.",
        3949,
        {0: 0, 11: 682, 16: 1038, 25: 1694, 33: 2554, 40: 3012, 46: 3429},
    ),
    (
        "전화해 주셔서 감사합니다. 잠시만 기다려 주세요.",
        4347,
        {0: 0, 4: 611, 8: 1211, 15: 2554, 19: 3214, 23: 3717},
    ),
]


def words_of(text: str, duration_ms: float = 1000.0) -> list[str]:
    return [text[start : start + length] for start, length, _ in estimate_words(text, duration_ms)]


def times_of(text: str, duration_ms: float = 1000.0) -> dict[str, float]:
    return {
        text[start : start + length]: at_ms
        for start, length, at_ms in estimate_words(text, duration_ms)
    }


def errors(text: str, duration_ms: float, recorded: dict[int, int]) -> list[float]:
    estimated = {start: at_ms for start, _, at_ms in estimate_words(text, duration_ms)}
    return [abs(estimated[start] - at_ms) for start, at_ms in recorded.items()]


@pytest.mark.parametrize(("text", "duration_ms", "recorded"), RECORDED)
def test_words_are_near_where_a_voice_says_them(
    text: str, duration_ms: int, recorded: dict[int, int]
) -> None:
    wrong = errors(text, duration_ms, recorded)
    assert statistics.mean(wrong) < 160
    assert max(wrong) < 350


def test_over_all_languages_words_are_wrong_by_less_than_a_tenth_of_a_second() -> None:
    wrong = [each for recorded in RECORDED for each in errors(*recorded)]
    assert len(wrong) > 150
    assert statistics.mean(wrong) < 80


def test_words_are_a_quarter_nearer_than_spread_by_characters_alone() -> None:
    by_characters = [
        abs(start / len(text) * duration_ms - at_ms)
        for text, duration_ms, recorded in RECORDED
        for start, at_ms in recorded.items()
    ]
    wrong = [each for recorded in RECORDED for each in errors(*recorded)]
    assert statistics.mean(wrong) < 0.75 * statistics.mean(by_characters)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Your order, please!", ["Your", "order", "please"]),
        ("I'm at O\u2019Hara's", ["I'm", "at", "O\u2019Hara's"]),
        ("'quoted' words", ["quoted", "words"]),
        ("It costs $1,249.50 at 14:30.", ["It", "costs", "1,249.50", "at", "14:30"]),
        ("well-known", ["well", "known"]),
        (
            "\u0915\u0943\u092a\u092f\u093e \u0930\u0939\u0947\u0902\u0964",
            ["\u0915\u0943\u092a\u092f\u093e", "\u0930\u0939\u0947\u0902"],
        ),
        (
            "\u65e5\u672c\u306f\u3001OK\u3067\u3059",
            ["\u65e5", "\u672c", "\u306f", "OK", "\u3067", "\u3059"],
        ),
        (
            "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
            ["\u0e2a", "\u0e27\u0e31", "\u0e2a", "\u0e14\u0e35"],
        ),
        ("\uac10\uc0ac \ud569\ub2c8\ub2e4", ["\uac10\uc0ac", "\ud569\ub2c8\ub2e4"]),
        ("abc\u65e5", ["abc", "\u65e5"]),
        ("... !", []),
        ("", []),
    ],
)
def test_what_is_a_word(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_long_word_takes_longer_than_a_short_one() -> None:
    times = times_of("extraordinary at end")
    assert times["end"] - times["at"] < (times["at"] - times["extraordinary"]) / 2


def test_there_is_a_pause_at_a_comma_and_a_longer_one_at_the_end_of_a_sentence() -> None:
    none, comma, sentence = (times_of(f"one{mark} two")["two"] for mark in ("", ",", "?!"))
    assert none + 50 < comma < sentence - 50


def test_what_stands_before_the_first_word_and_after_the_last_takes_no_time() -> None:
    assert times_of("... one, two") == times_of("one, two ...") == times_of("one, two")


def test_digits_signs_and_capitals_are_read_out() -> None:
    assert times_of("20 cats")["cats"] > times_of("to cats")["cats"] + 50
    assert times_of("2024 cats")["cats"] > times_of("20 cats")["cats"] + 50
    assert times_of("5551234 to")["to"] > times_of("1234 to")["to"]
    assert times_of("20 % cats")["cats"] > times_of("20 cats")["cats"] + 50
    assert times_of("5 \u20ac cats")["cats"] > times_of("5 cats")["cats"] + 50
    assert times_of("SMS cats")["cats"] > times_of("sms cats")["cats"] + 50
    assert times_of("PLEASE cats")["cats"] == times_of("please cats")["cats"]
    assert times_of("A cat")["cat"] == times_of("a cat")["cat"]
    assert times_of("\u20ac20 cats")["20"] == 0.0


def test_consonants_joined_into_one_syllable_take_the_time_of_one() -> None:
    joined = times_of("\u0930\u094d\u0921 \u0930")["\u0930"]
    apart = times_of("\u0930\u0921 \u0930")["\u0930"]
    assert joined < apart


def test_arabic_which_writes_few_vowels_is_spread_over_its_letters() -> None:
    times = times_of("\u0645\u0631\u062d\u0628\u0627 \u0628\u0643")
    assert 550 < times["\u0628\u0643"] < 750


@given(text=st.text(max_size=60), duration_ms=st.floats(0, 1e6))
def test_words_rise_in_text_and_time_and_stay_within_both(text: str, duration_ms: float) -> None:
    place, at = 0, 0.0
    for start, length, at_ms in estimate_words(text, duration_ms):
        assert place <= start < start + length <= len(text)
        assert at <= at_ms <= duration_ms
        place, at = start + length, at_ms
    assert at < duration_ms or duration_ms == 0
