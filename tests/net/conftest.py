from __future__ import annotations

import socket

import pytest

from net.far_ends import Certificates, Role, issue_certificates


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    return issue_certificates()


@pytest.fixture(params=["answering", "dialling", "answering-tls", "dialling-tls"])
def role(request: pytest.FixtureRequest, certificates: Certificates) -> Role:
    return Role(
        dialling=request.param.startswith("dialling"),
        certificates=certificates if request.param.endswith("tls") else None,
    )


@pytest.fixture(params=["answering", "dialling"])
def plain_role(request: pytest.FixtureRequest) -> Role:
    return Role(dialling=request.param == "dialling", certificates=None)


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    assert isinstance(port, int)
    return port
