from trioaudio.core.suggest import did_you_mean


def test_near_matches_are_named() -> None:
    assert did_you_mean("telcmi", {"raw", "telecmi"}) == "did you mean telecmi?"


def test_several_near_matches_are_alternatives_best_first() -> None:
    answer = did_you_mean("en-us", {"en-us-nyc", "en-gb", "ta", "en-uk"})
    assert answer == "did you mean en-uk or en-us-nyc or en-gb?"


def test_a_short_list_is_told_whole() -> None:
    assert did_you_mean("zzz", {"telecmi", "raw"}) == "there are: raw, telecmi"


def test_a_long_list_is_only_counted() -> None:
    known = [f"voice{n}" for n in range(13)]
    assert did_you_mean("zzz", known) == "nothing among the 13 known ones is near it"
    assert did_you_mean("zzz", known[:12]).startswith("there are: ")
