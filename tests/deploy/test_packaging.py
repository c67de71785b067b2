"""The deployment files agree with the program and each other: names, ports, times, versions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from deploy.manifests import (
    ROOT,
    compose,
    container,
    dockerfile,
    documents,
    image_environment,
    nodes_toml,
    pod,
    prometheus,
    public_url,
)
from trioaudio.configuration import load_configuration
from trioaudio.serve_settings import ServeSettings
from trioaudio.setting_names import general_names
from trioaudio.settings import Settings
from trioaudio.settings_sources import CONFIG_FILE, ENV_FILE

FILES = sorted(
    path
    for folder in ("deploy", "packaging", "systemd", ".github")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
)
MEDIA, CONTROL = 8088, 8089
GOODBYE_S = 10
"""More than a drain takes for goodbyes; then twice the REST time-out and 10 s: docs/daemon.md."""
MARGIN_S = 10


def longest_drain_s(drain_s: float) -> float:
    return drain_s + GOODBYE_S + 2 * Settings().rest_timeout_s + MARGIN_S


# --- Names -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_variable_named_is_a_setting(path: Path) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    known = {*re.findall(r"^#?(TRIOAUDIO_[A-Z0-9_]+)=", example, re.MULTILINE)}
    known |= {ENV_FILE, CONFIG_FILE}
    named = set(re.findall(r"TRIOAUDIO_[A-Z0-9_]*[A-Z0-9]", path.read_text(encoding="utf-8")))
    assert named <= known


def test_every_key_of_the_package_s_configuration_is_a_setting() -> None:
    text = (ROOT / "packaging/deb/config.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text) == {}, "the daemon starts without"
    offered = tomllib.loads(re.sub(r"^#(\w+ = )", r"\1", text, flags=re.MULTILINE))
    assert offered
    assert set(offered) <= general_names()


def test_the_nodes_configuration_is_one(tmp_path: Path) -> None:
    """With the secrets of the example, in files as Kubernetes mounts them."""
    (example,) = documents("secret.example.yaml")
    for name, text in example["stringData"].items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    mounted = "/run/secrets/trioaudio"
    (secrets,) = [each for each in container()["volumeMounts"] if each["name"] == "secrets"]
    assert secrets["mountPath"] == mounted
    file = tmp_path / "config.toml"
    file.write_text(nodes_toml().replace(mounted, str(tmp_path)), encoding="utf-8")
    environ = {
        **image_environment(),
        "TRIOAUDIO_STATE_FOLDER": str(tmp_path / "state"),
        "TRIOAUDIO_PUBLIC_URL": public_url().replace("$(POD_NAME)", "trioaudio-0"),
        CONFIG_FILE: str(file),
    }
    configuration = load_configuration(environ, tmp_path)
    assert list(configuration.carriers) == ["twilio", "telecmi"]
    assert str(configuration.serve.media_listen) == f"0.0.0.0:{MEDIA}"
    assert configuration.serve.webhook_key.get() == example["stringData"]["webhook-key"]


def test_compose_s_environment_is_a_configuration(tmp_path: Path) -> None:
    key = tmp_path / "webhook_key"
    key.write_text("0123456789abcdef0123\n", encoding="utf-8")
    given = dict(compose()["services"]["trioaudio"]["environment"])
    mounted = "/run/secrets/webhook_key"
    assert given["TRIOAUDIO_WEBHOOK_KEY"] == f"$${{file:{mounted}}}"
    given["TRIOAUDIO_WEBHOOK_KEY"] = f"${{file:{key}}}"
    (usual,) = re.findall(r"^\$\{TRIOAUDIO_PUBLIC_URL:-(.+)\}$", given["TRIOAUDIO_PUBLIC_URL"])
    given["TRIOAUDIO_PUBLIC_URL"] = usual
    environ = {**image_environment(), **given, "TRIOAUDIO_STATE_FOLDER": str(tmp_path)}
    configuration = load_configuration({**environ, CONFIG_FILE: "/dev/null"}, tmp_path)
    assert configuration.serve.webhook_key.get() == "0123456789abcdef0123"


# --- Ports -----------------------------------------------------------------------------------


def test_all_speak_of_the_same_ports() -> None:
    serve = ServeSettings()
    assert str(serve.media_listen) == f"127.0.0.1:{MEDIA}"
    assert str(serve.control_listen) == f"127.0.0.1:{CONTROL}"
    environment = image_environment()
    assert environment["TRIOAUDIO_MEDIA_LISTEN"] == f"0.0.0.0:{MEDIA}"
    assert environment["TRIOAUDIO_CONTROL_LISTEN"] == f"0.0.0.0:{CONTROL}"
    assert f"\nEXPOSE {MEDIA} {CONTROL}\n" in dockerfile()
    assert [each["containerPort"] for each in container()["ports"]] == [MEDIA, CONTROL]
    named = {"media": MEDIA, "control": CONTROL}
    for service in documents("services.yaml"):
        for port in service["spec"]["ports"]:
            assert port["port"] == named[port["name"]] == named[port["targetPort"]]
    published = compose()["services"]["trioaudio"]["ports"]
    assert published == [f"127.0.0.1:{port}:{port}" for port in (MEDIA, CONTROL)]
    (job,) = prometheus()["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"trioaudio:{CONTROL}"]}]


def test_what_is_published_is_published_on_this_machine_only() -> None:
    for name, service in compose()["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name


# --- Times -----------------------------------------------------------------------------------


def test_compose_waits_for_the_drain() -> None:
    grace = compose()["services"]["trioaudio"]["stop_grace_period"]
    assert float(grace.removesuffix("s")) >= longest_drain_s(ServeSettings().drain_timeout_s)


def test_kubernetes_waits_for_the_drain_and_asks_for_it_once() -> None:
    hooks = container()["lifecycle"]
    assert hooks == {"preStop": {"sleep": {"seconds": 5}}}, "a second request cuts the calls"
    drain_s = tomllib.loads(nodes_toml())["drain_timeout_s"]
    needed = hooks["preStop"]["sleep"]["seconds"] + longest_drain_s(drain_s)
    assert pod()["terminationGracePeriodSeconds"] >= needed


def test_the_ingress_waits_for_the_longest_call() -> None:
    (ingress,) = documents("ingress.yaml")
    longest = tomllib.loads(nodes_toml())["call_most_s"]
    for which in ("read", "send"):
        key = f"nginx.ingress.kubernetes.io/proxy-{which}-timeout"
        assert int(ingress["metadata"]["annotations"][key]) > longest


def test_probes_ask_what_the_daemon_answers_without_a_token() -> None:
    paths = {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    for kind, path in paths.items():
        assert container()[f"{kind}Probe"]["httpGet"] == {"path": path, "port": "control"}


# --- How carriers find the node that has their call ------------------------------------------


def test_each_node_has_a_path_and_a_service_that_leads_to_it_only() -> None:
    (nodes,) = documents("statefulset.yaml")
    names = [f"{nodes['metadata']['name']}-{n}" for n in range(nodes["spec"]["replicas"])]
    services = {each["metadata"]["name"]: each["spec"] for each in documents("services.yaml")}
    (ingress,) = documents("ingress.yaml")
    (rule,) = ingress["spec"]["rules"]
    paths = {each["path"]: each["backend"]["service"]["name"] for each in rule["http"]["paths"]}
    assert public_url() == f"wss://{rule['host']}/$(POD_NAME)"
    assert paths == {**{f"/{name}": name for name in names}, "/answer": "trioaudio"}
    for name in names:
        assert services[name]["selector"] == {"statefulset.kubernetes.io/pod-name": name}
        # Its calls' carriers come also when it takes no new calls.
        assert services[name]["publishNotReadyAddresses"] is True
    assert "publishNotReadyAddresses" not in services["trioaudio"]
    assert nodes["spec"]["serviceName"] in services


# --- Versions --------------------------------------------------------------------------------


def test_every_tool_has_one_version_and_comes_from_nowhere_special() -> None:
    lines = (ROOT / "packaging/tools.txt").read_text(encoding="utf-8").splitlines()
    named = [line.split("#")[0].strip() for line in lines]
    for each in filter(None, named):
        assert re.fullmatch(r"[A-Za-z0-9-]+==[0-9.]+", each), each


def test_every_action_is_a_commit_with_its_name_beside_it() -> None:
    for workflow in sorted((ROOT / ".github/workflows").glob("*.yml")):
        text = workflow.read_text(encoding="utf-8")
        used = re.findall(r"uses: (.+)$", text, re.MULTILINE)
        assert used
        for each in used:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", each), each
        assert "\npermissions: {}\n" in text


def test_no_image_is_called_latest_but_our_own() -> None:
    for name, service in compose()["services"].items():
        tag = service["image"].rpartition(":")[2]
        assert name == "trioaudio" or re.fullmatch(r"v?\d+\.\d+\.\d+", tag), name
