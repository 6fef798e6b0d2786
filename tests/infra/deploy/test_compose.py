"""The compose file: valid by the specification's schema, no secret in it, only settings that exist, commands that exist."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, validators

from infra.deploy.health import healthy
from infra.settings import PREFIX, Settings
from tests.commands import check_command

DEPLOY = Path(__file__).parents[3] / "infra" / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
KNOWN = {PREFIX + name.upper() for name in Settings.model_fields}


def schema() -> dict[str, Any]:
    """The Compose Specification's schema, as bundled with check-jsonschema."""
    found = importlib.util.find_spec("check_jsonschema")
    assert found is not None
    assert found.submodule_search_locations
    folder = Path(found.submodule_search_locations[0]) / "builtin_schemas" / "vendor"
    loaded: dict[str, Any] = json.loads((folder / "compose-spec.json").read_text(encoding="utf-8"))
    return loaded


def test_it_is_valid_by_the_specification() -> None:
    kind = validators.validator_for(schema(), default=Draft202012Validator)
    kind.check_schema(schema())
    assert [f"{list(e.absolute_path)}: {e.message}" for e in kind(schema()).iter_errors(COMPOSE)] == []


def test_a_broken_file_would_be_noticed() -> None:
    kind = validators.validator_for(schema(), default=Draft202012Validator)
    assert list(kind(schema()).iter_errors({"services": {"api": {"imagee": "x"}}}))


def test_everything_the_issue_names_is_there() -> None:
    assert {"kafka", "elasticsearch", "postgres", "migrate", "topics", "api", "worker", "prometheus", "grafana"} <= set(
        SERVICES
    )
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    assert SERVICES["topics"]["command"] == ["topics", "apply", "--replication", "1"]


def test_no_secret_is_in_it() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASS|SECRET|TOKEN|API_KEY", name):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), name
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    assert all(not line.split("=", 1)[1] for line in example.splitlines() if "PASSWORD=" in line)
    assert not (set(re.findall(r"\$\{(\w+):\?", str(SERVICES))) - set(re.findall(r"^(\w+)=", example, re.M)))


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_confined_and_know_every_setting(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {key for key in service["environment"] if key.startswith(PREFIX)} <= KNOWN
    settings = {key: value for key, value in service["environment"].items() if key.startswith(PREFIX)}
    plain = {k.removeprefix(PREFIX).lower(): re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", v) for k, v in settings.items()}
    assert Settings(**plain).broker_url == "kafka://kafka:9092"


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_that_exist(name: str) -> None:
    check_command(OURS[name]["command"])


@pytest.mark.parametrize("name", OURS)
def test_what_they_wait_for_exists_and_can_be_waited_for(name: str) -> None:
    for other, how in OURS[name]["depends_on"].items():
        if how["condition"] == "service_healthy":
            assert "test" in SERVICES[other]["healthcheck"]
        else:
            assert SERVICES[other]["restart"] == "no"


def test_health_is_asked_where_the_service_listens() -> None:
    for name in ("worker", "indexer"):
        assert OURS[name]["environment"]["HEALTH_URL"].endswith(":9100/healthz")
        assert OURS[name]["environment"]["CHENGXIN_WORKER_HOST"] == "0.0.0.0"
    assert not healthy("http://127.0.0.1:1/healthz")


def test_mounted_files_exist_and_volumes_are_declared() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]
    for service in OURS.values():
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_are_pinned() -> None:
    images = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    assert all(re.search(r":v?\d", image) for image in images)
