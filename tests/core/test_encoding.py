import subprocess
import sys

from trioaudio.core.encoding import Encoding, PayloadForm


def test_names_are_what_settings_and_records_say() -> None:
    assert [each.value for each in Encoding] == ["pcm16", "pcm16-be", "mulaw", "alaw"]
    assert [each.value for each in PayloadForm] == ["binary", "base64"]


def test_a_carriers_description_needs_no_numpy() -> None:
    code = "import sys, trioaudio.core.carrier; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
