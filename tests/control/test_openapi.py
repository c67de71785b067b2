from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from control.control_rig import control_rig
from control.fake_desk import FakeDesk
from trioaudio.api import commands
from trioaudio.api.shapes import CallCause
from trioaudio.control.openapi import build_document
from trioaudio.control.server import all_operations

ROOT = Path(__file__).parents[2]
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance"
)
CONFIG = """
[parameters]
"path.call" = "call-1"
"path.utterance" = 1
"""


class Undying(FakeDesk):
    """Its calls do not end, and it does not drain: every request goes as deep as it can."""

    def end(self, call: str, cause: CallCause = "far-end") -> None:
        """Let it go on."""

    def drain(self) -> None:
        """Go on."""


def refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from refs(each)
    elif isinstance(node, list):
        for each in node:
            yield from refs(each)


def test_the_document_in_the_docs_is_up_to_date() -> None:
    command = [sys.executable, "docs/generate_openapi.py", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_whatever_is_referred_to_is_there() -> None:
    document = build_document(all_operations())
    schemas = document["components"]["schemas"]
    named = {each.removeprefix("#/components/schemas/") for each in refs(document)}
    assert named <= set(schemas)
    assert {each.__name__ for each in commands.CallCommand.__args__} <= set(schemas)


def test_every_operation_has_a_name_of_its_own() -> None:
    paths = build_document(all_operations())["paths"]
    names = [each["operationId"] for methods in paths.values() for each in methods.values()]
    assert len(names) == len(set(names)) == len(all_operations()) + 1


def test_a_command_s_tag_may_be_left_out_of_its_body() -> None:
    schemas = build_document(all_operations())["components"]["schemas"]
    assert "required" not in schemas["Pause"]
    assert schemas["Append"]["required"] == ["utterance", "text"]
    assert "kind" in schemas["Command"]["required"]


def test_what_is_optional_in_a_query_is_never_null() -> None:
    listed = build_document(all_operations())["paths"]["/v1/calls"]["get"]["parameters"]
    by_name = {each["name"]: each["schema"] for each in listed}
    assert by_name["limit"]["maximum"] == 1000
    assert by_name["carrier"]["type"] == "string"
    assert "null" not in json.dumps(listed)


@pytest.mark.timeout(180)
async def test_the_server_keeps_to_its_document(tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    async with control_rig(desk=Undying(), requests_per_s=1e6, request_burst=10**6) as rig:
        call = await rig.new_call()
        await rig.client.post(f"/v1/calls/{call}/say", json={"open": True})
        command = (
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
            *(f"{rig.server.address}/openapi.json", "--checks", CHECKS, "--no-color"),
            *("-H", f"Authorization: Bearer {rig.tokens['admin']}", "--max-examples", "2"),
            *("--phases", "coverage,fuzzing", "--exclude-path", "/v1/stream", "--seed", "1"),
            *("--generation-database", "none"),
        )
        done = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, cwd=tmp_path
        )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert b" passed" in done.stdout
    assert rig.desk.known[call].commands
