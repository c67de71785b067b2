"""XML for carriers that are told in it what to do with a call: a stream, or somebody to dial.

Built as a tree, so nothing that was put in can be taken for markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

CONTENT_TYPE = "application/xml"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def connect_stream(attributes: Mapping[str, str]) -> str:
    """Return `<Response><Connect><Stream …/></Connect></Response>`, as Twilio and its kin want."""
    response = ET.Element("Response")
    connect = ET.SubElement(response, "Connect")
    ET.SubElement(connect, "Stream", dict(attributes))
    return _text(response)


def stream(url: str, attributes: Mapping[str, str]) -> str:
    """Return `<Response><Stream …>URL</Stream></Response>`, as Plivo and its kin want."""
    response = ET.Element("Response")
    ET.SubElement(response, "Stream", dict(attributes)).text = url
    return _text(response)


def dial(numbers: Sequence[str], attributes: Mapping[str, str]) -> str:
    """Return `<Response><Dial …><Number>…</Number></Dial></Response>`; all numbers ring at once."""
    response = ET.Element("Response")
    dialling = ET.SubElement(response, "Dial", dict(attributes))
    for number in numbers:
        ET.SubElement(dialling, "Number").text = number
    return _text(response)


def _text(root: ET.Element) -> str:
    return _HEAD + ET.tostring(root, encoding="unicode")
