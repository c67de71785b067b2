from __future__ import annotations

import logging
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from control.control_rig import client_of, control_rig
from control.fake_desk import FakeDesk
from trioaudio.control.options import ControlOptions
from trioaudio.control.server import open_control_server
from trioaudio.control.tokens import TokenBook
from trioaudio.core.errors import ConfigError
from trioaudio.listening_place import bind_file


def options(listen: tuple[str, int] | Path, tmp_path: Path, **more: Any) -> ControlOptions:
    return ControlOptions(listen=listen, tokens=TokenBook(tmp_path / "tokens.json"), **more)


async def opened(wanted: ControlOptions) -> str:
    async with open_control_server(FakeDesk(), wanted) as server:
        return server.address


async def test_a_socket_file_that_is_served_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "control.sock"
    async with control_rig(listen=file) as rig:
        with pytest.raises(ConfigError, match="another process serves it"):
            await opened(options(file, tmp_path))
        assert (await rig.client.get("/v1/node")).status_code == 200


async def test_a_socket_file_that_is_dead_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "control.sock"
    bind_file(file).close()
    assert file.exists()
    assert await opened(options(file, tmp_path)) == str(file)
    assert not file.exists()


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "control.sock"
    file.write_text("dear diary")
    with pytest.raises(ConfigError, match="it is no socket"):
        await opened(options(file, tmp_path))
    assert file.read_text() == "dear diary"


async def test_a_socket_file_that_another_one_put_there_stays(tmp_path: Path) -> None:
    file = tmp_path / "control.sock"
    async with control_rig(listen=file):
        file.unlink()
        theirs = bind_file(file)
    assert file.exists()
    theirs.close()


@pytest.mark.parametrize("path", ["no-folder/control.sock", "x" * 200])
async def test_a_path_that_cannot_be_is_told(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigError, match="cannot listen on"):
        await opened(options(tmp_path / path, tmp_path))


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match=r"cannot listen on .*in use"):
            await opened(options(("127.0.0.1", taken.getsockname()[1]), tmp_path))


@pytest.mark.parametrize("listen", [("no.such.host.invalid", 1), ("127.0.0.1", 99999)])
async def test_an_address_that_is_none_is_told(tmp_path: Path, listen: tuple[str, int]) -> None:
    with pytest.raises(ConfigError, match="cannot listen on"):
        await opened(options(listen, tmp_path))


@pytest.mark.parametrize(
    ("listen", "near"),
    [
        (("127.0.0.1", 0), True), (("::1", 0), True), (("localhost", 0), True),
        (("0.0.0.0", 0), False), (("example.org", 0), False), (Path("x"), True),  # noqa: S104
    ],
)  # fmt: skip
def test_what_only_this_machine_reaches(
    listen: tuple[str, int] | Path, near: bool, tmp_path: Path
) -> None:
    assert options(listen, tmp_path).near is near


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path, ssl.SSLContext]:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return chain, key, trusting


async def test_it_serves_tls(certificate: tuple[Path, Path, ssl.SSLContext]) -> None:
    chain, key, trusting = certificate
    async with control_rig(tls_certificate=chain, tls_key=key) as rig:
        assert rig.server.address.startswith("https://127.0.0.1:")
        async with httpx.AsyncClient(
            base_url=rig.server.address, verify=trusting, headers=rig.bearer("operator")
        ) as client:
            assert (await client.get("/v1/node")).status_code == 200
            assert (await client.post("/v1/calls")).status_code == 201
        async with client_of(rig.server) as distrusting:
            with pytest.raises(httpx.ConnectError):
                await distrusting.get("/livez")


async def test_another_certificate_is_shown_from_then_on(
    certificate: tuple[Path, Path, ssl.SSLContext],
) -> None:
    chain, key, trusting = certificate
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    trusting_the_new = ssl.create_default_context()
    authority.configure_trust(trusting_the_new)
    async with control_rig(tls_certificate=chain, tls_key=key) as rig:
        client = partial(
            httpx.AsyncClient, base_url=rig.server.address, headers=rig.bearer("operator")
        )
        async with client(verify=trusting) as old:
            assert (await old.get("/v1/node")).status_code == 200
            chain.write_bytes(issued.cert_chain_pems[0].bytes())
            with pytest.raises(ConfigError, match="cannot use the certificate"):
                rig.server.read_certificate()  # the key is still the old one's
            key.write_bytes(issued.private_key_pem.bytes())
            rig.server.show_certificate(rig.server.read_certificate())
            async with client(verify=trusting_the_new) as new:
                assert (await new.get("/v1/node")).status_code == 200
            assert (await old.get("/v1/node")).status_code == 200, "on the connection there is"
        async with client(verify=trusting) as old:
            with pytest.raises(httpx.ConnectError):
                await old.get("/v1/node")


async def test_without_tls_there_is_no_certificate_to_read() -> None:
    async with control_rig() as rig:
        with pytest.raises(ConfigError, match="needs a certificate"):
            rig.server.read_certificate()


async def test_an_encrypted_key_is_not_asked_about(
    certificate: tuple[Path, Path, ssl.SSLContext], tmp_path: Path
) -> None:
    chain, key, _ = certificate
    private = load_pem_private_key(key.read_bytes(), None)
    hushed = BestAvailableEncryption(b"hush-hush")
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hushed))
    with pytest.raises(ConfigError, match="cannot use the certificate"):
        await opened(options(("127.0.0.1", 0), tmp_path, tls_certificate=chain, tls_key=key))


async def test_a_certificate_that_is_of_no_use_is_told(tmp_path: Path) -> None:
    here = ("127.0.0.1", 0)
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    with pytest.raises(ConfigError, match="needs a certificate and its key"):
        await opened(options(here, tmp_path, tls_certificate=wrong))
    with pytest.raises(ConfigError, match="cannot use the certificate"):
        await opened(options(here, tmp_path, tls_certificate=wrong, tls_key=wrong))


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with control_rig():
            raise ZeroDivisionError


async def test_the_loggers_are_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    before = {name: logging.getLogger(name).handlers[:] for name in (None, "hypercorn.error")}
    async with control_rig() as rig:
        await rig.client.get("/v1/node")
    assert {name: logging.getLogger(name).handlers for name in before} == before
    assert capfd.readouterr() == ("", "")
