import pytest

from trioaudio.core.connection import Closing


@pytest.mark.parametrize(
    ("closing", "line"),
    [
        (Closing(), "no code"),
        (Closing(1000), "1000"),
        (Closing(1001, "going away"), "1001 going away"),
        (Closing(None, "gone"), "gone"),
        (Closing(1000, ""), "1000"),
    ],
)
def test_a_closing_reads_well_in_a_log_line(closing: Closing, line: str) -> None:
    assert str(closing) == line
