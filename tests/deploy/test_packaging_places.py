"""The deployment files agree about files, folders, volumes and users."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from deploy.manifests import (
    DEPLOY,
    ROOT,
    compose,
    container,
    dockerfile,
    image_environment,
    pod,
    prometheus,
)
from trioaudio.state_folder import state_folder


def test_what_is_written_is_written_to_volumes() -> None:
    environment = image_environment()
    written = {str(state_folder(environment)), environment["TRIOAUDIO_CACHE_FOLDER"]}
    (volumes,) = re.findall(r"^VOLUME (.*)$", dockerfile(), re.MULTILINE)
    assert set(msgspec.json.decode(volumes)) == written
    mounted = {
        each["mountPath"] for each in container()["volumeMounts"] if not each.get("readOnly")
    }
    assert mounted == {*written, "/tmp"}  # noqa: S108  a memory file system
    in_compose = [each.split(":") for each in compose()["services"]["trioaudio"]["volumes"]]
    assert {place[1] for place in in_compose if len(place) == 2} == written


def test_all_run_as_the_same_user_who_is_not_root() -> None:
    (user,) = re.findall(r"^USER (\d+):(\d+)$", dockerfile(), re.MULTILINE)
    context = pod()["securityContext"]
    assert user == (str(context["runAsUser"]), str(context["runAsGroup"]))
    assert context["fsGroup"] == context["runAsGroup"] > 0
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    for each in [*pod()["containers"], *pod()["initContainers"]]:
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    for name, service in compose()["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name


def test_all_that_the_image_copies_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert {source, *map(str, Path(source).parents)} & allowed, source
    assert not {".", ".env", ".git"} & allowed


def test_the_health_check_runs_what_was_copied() -> None:
    (check,) = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", dockerfile(), re.MULTILINE)
    *_, program = msgspec.json.decode(check)
    assert f"COPY deploy/docker/healthcheck.py {program}\n" in dockerfile()


def test_what_compose_mounts_is_there() -> None:
    services = compose()["services"]
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in compose()["volumes"] or (DEPLOY / source).exists(), source
    assert (DEPLOY / services["trioaudio"]["build"]["context"]).resolve() == ROOT
    assert (ROOT / services["trioaudio"]["build"]["dockerfile"]).is_file()


def test_prometheus_finds_its_rules_and_its_token() -> None:
    mounted = [each.split(":")[1] for each in compose()["services"]["prometheus"]["volumes"]]
    for rules in prometheus()["rule_files"]:
        assert f"/etc/prometheus/{rules}" in mounted
    (job,) = prometheus()["scrape_configs"]
    (secret,) = compose()["services"]["prometheus"]["secrets"]
    assert secret["target"] == f"/etc/prometheus/{job['authorization']['credentials_file']}"


def test_secrets_are_files_that_no_commit_takes_along() -> None:
    for name, secret in compose()["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    ignored = (DEPLOY / "secrets/.gitignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored


def test_units_start_what_the_package_installs() -> None:
    build = (ROOT / "packaging/build_deb.sh").read_text(encoding="utf-8")
    assert '"$built" /opt/trioaudio "/usr/bin/python$minor"' in build
    units = sorted((ROOT / "systemd").glob("*.service"))
    assert units
    for unit in units:
        started = re.findall(r"^ExecStart=(\S+)", unit.read_text(encoding="utf-8"), re.MULTILINE)
        assert started == ["/opt/trioaudio/bin/trioaudio"], unit.name
    for name in ("trioaudio.sysusers", "trioaudio.tmpfiles"):
        assert f"systemd/{name}" in build
        assert (ROOT / "systemd" / name).is_file()
