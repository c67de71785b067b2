from __future__ import annotations

import attrs
import pytest

from trioaudio.core.upgrade import FORBIDDEN, UNAUTHORIZED
from trioaudio.core.webhook import (
    CallStage,
    HttpAnswer,
    IncomingCall,
    UnreadableWebhookError,
    WebhookCheck,
    WebhookRefusedError,
    WebhookRequest,
)

BARE = WebhookRequest(
    carrier="acme",
    key="hush-key",
    method="POST",
    origin="https://voice.example.com",
    path="/tel/answer/acme/hush-key",
    query="",
    headers={"x-proof": "hush-proof"},
    query_pairs=(),
    form=(),
    body=b"",
    json=None,
    peer="192.0.2.1",
    at=0.0,
)


def test_the_url_is_whole() -> None:
    assert BARE.url == "https://voice.example.com/tel/answer/acme/hush-key"
    assert attrs.evolve(BARE, query="a=1").url.endswith("/hush-key?a=1")


def test_texts_are_found_wherever_they_stand() -> None:
    request = attrs.evolve(
        BARE,
        query_pairs=(("a", "from the query"), ("b", "2"), ("empty", "")),
        form=(("a", "from the form"), ("a", "again")),
        json={"c": 3, "d": {}, "e": "five"},
    )
    assert request.text("a") == "from the form"
    assert request.text("x", "b") == "2"
    assert request.text("c") == "3"
    assert request.text("d", "empty", "e") == "five"
    assert request.text("d", "empty") is None
    assert request.facts() == {"a": "again", "b": "2", "empty": "", "c": "3", "e": "five"}
    assert attrs.evolve(request, json=["c"]).text("c") is None
    assert attrs.evolve(BARE, json=["c"]).facts() == {}


def test_nothing_secret_is_shown() -> None:
    assert "hush" not in repr(BARE)
    assert "hush" not in repr(HttpAnswer(200, "text/plain", "hush"))
    call = IncomingCall("1", CallStage.ASKS, inbound=True, facts={"a": "hush"})
    assert "hush" not in repr(call)


@pytest.mark.parametrize("status", [UNAUTHORIZED, FORBIDDEN])
def test_a_refusal_has_a_status(status: int) -> None:
    assert WebhookRefusedError("no", status=status).status == status
    assert WebhookRefusedError("no").status == FORBIDDEN
    assert str(UnreadableWebhookError("what?")) == "what?"


def test_most_carriers_sign_all_there_is() -> None:
    assert WebhookCheck(lambda _own, _request: None, lambda _own: None, "X-Proof").always
    assert HttpAnswer() == HttpAnswer(204, "", "")
