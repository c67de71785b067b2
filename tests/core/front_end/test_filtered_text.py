from trioaudio.core.front_end.filtered_text import FilteredText


def test_between_words_is_one_space_and_between_lines_one_empty_one() -> None:
    out = FilteredText()
    out.space(0, 1)
    out.end_line(1, 2)
    out.write("a", 2)
    out.space(3, 4)
    out.space(4, 5)
    out.write("b", 5)
    for at in range(6, 10):
        out.end_line(at, at + 1)
    out.space(10, 11)
    out.write("c", 11)
    assert out.mapped.text == "a b\n\nc"
    assert out.mapped.starts == [2, 3, 5, 6, 7, 11]


def test_what_was_parted_stays_parted() -> None:
    out = FilteredText()
    out.part_words()
    out.write("a", 1)
    out.part_words()
    out.write(".", 3)
    out.part_words()
    out.write("b", 5)
    out.space(6, 7)
    out.part_words()
    out.write("c", 8)
    out.part_words()
    out.write_instead("d", 10, 12)
    assert out.mapped.text.replace("\ue000", "d") == "a. b c d"


def test_cells_are_parted_by_a_comma_within_a_line_only() -> None:
    out = FilteredText()
    out.part_cells()
    out.write("a", 1)
    out.part_cells()
    out.write_character("b", 3, 4)
    out.part_cells()
    out.part_words()
    out.end_line(5, 6)
    out.write("c", 6)
    assert out.mapped.text == "a, b\nc"
