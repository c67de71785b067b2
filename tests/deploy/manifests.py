"""The deployment files, read: what several tests look at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"


def documents(name: str) -> list[Any]:
    text = (KUBERNETES / name).read_text(encoding="utf-8")
    return [msgspec.yaml.decode(each) for each in text.split("\n---\n")]


def compose() -> Any:
    return msgspec.yaml.decode((DEPLOY / "compose.yaml").read_bytes())


def dockerfile() -> str:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    return text.replace("\\\n", " ")


def pod() -> Any:
    (made,) = documents("statefulset.yaml")
    return made["spec"]["template"]["spec"]


def container() -> Any:
    (made,) = pod()["containers"]
    return made


def image_environment() -> dict[str, str]:
    (line,) = re.findall(r"^ENV (.*)$", dockerfile(), re.MULTILINE)
    return dict(re.findall(r"(\S+?)=(\S+)", line))


def nodes_toml() -> str:
    (made,) = documents("configmap.yaml")
    text: str = made["data"]["config.toml"]
    return text


def public_url() -> str:
    (url,) = [
        each["value"] for each in container()["env"] if each["name"] == "TRIOAUDIO_PUBLIC_URL"
    ]
    return str(url)


def prometheus() -> Any:
    return msgspec.yaml.decode((DEPLOY / "prometheus/prometheus.yml").read_bytes())
