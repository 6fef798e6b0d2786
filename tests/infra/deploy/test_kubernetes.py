"""The Kubernetes manifests: valid by the schema, confined, complete, and speaking of settings and metrics that exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from infra.settings import PREFIX, Settings
from streams.kafka import topics
from tests.commands import check_command
from tests.infra.deploy.metrics import named_metrics, our_metrics

FOLDER = Path(__file__).parents[3] / "infra" / "deploy" / "kubernetes"
VERSION = "1.34"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
DOCUMENTS = {
    f"{document['kind']}/{document['metadata']['name']}": document
    for name in KUSTOMIZATION["resources"]
    for document in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
}
KNOWN = {PREFIX + name.upper() for name in Settings.model_fields}


def of(kind: str) -> dict[str, Any]:
    return {document["metadata"]["name"]: document for document in DOCUMENTS.values() if document["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    return {name: document["spec"]["template"]["spec"] for name, document in {**of("Deployment"), **of("Job")}.items()}


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods().items():
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            yield f"{name}/{container['name']}", container


CONTAINERS = dict(containers())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_manifest_is_valid(name: str) -> None:
    assert kubernetes_validate.validate(DOCUMENTS[name], VERSION, strict=True) == VERSION


def test_a_broken_manifest_would_be_noticed() -> None:
    broken = {**DOCUMENTS["ServiceAccount/chengxin"], "automount": False}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSION, strict=True)


def test_no_file_is_forgotten() -> None:
    others = {"kustomization.yaml", "prometheus-adapter.yaml"}
    assert {path.name for path in FOLDER.glob("*.yaml")} == {*KUSTOMIZATION["resources"], *others}
    assert not of("Secret")


def test_everything_is_in_one_namespace() -> None:
    placed = {d["metadata"].get("namespace") for d in DOCUMENTS.values() if d["kind"] != "Namespace"}
    assert placed == {KUSTOMIZATION["namespace"]} == {*of("Namespace")}


@pytest.mark.parametrize("name", pods())
def test_pods_are_confined(name: str) -> None:
    pod = pods()[name]
    assert pod["serviceAccountName"] in of("ServiceAccount")
    assert pod["automountServiceAccountToken"] is False
    # or Kubernetes would set CHENGXIN_API_PORT and the like, which the settings refuse as unknown
    assert pod["enableServiceLinks"] is False
    context = pod["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"], context["fsGroup"]) == (True, 10001, 10001)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_are_confined_and_bounded(name: str) -> None:
    container = CONTAINERS[name]
    context = container["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_run_commands_and_mounts_that_exist(name: str) -> None:
    check_command(CONTAINERS[name]["args"])
    volumes = {volume["name"] for volume in pods()[name.split("/", maxsplit=1)[0]]["volumes"]}
    assert {mount["name"] for mount in CONTAINERS[name]["volumeMounts"]} <= volumes


@pytest.mark.parametrize("name", of("Deployment"))
def test_deployments_have_probes_on_their_port_and_a_disruption_budget(name: str) -> None:
    deployment = of("Deployment")[name]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(ports["http"])
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    budget = of("PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"]
    for selector in (deployment["spec"]["selector"]["matchLabels"], budget):
        assert selector.items() <= labels.items()


def test_services_and_policies_select_pods_that_exist() -> None:
    labels = [document["spec"]["template"]["metadata"]["labels"] for document in of("Deployment").values()]
    selectors = [service["spec"]["selector"] for service in of("Service").values()]
    selectors += [policy["spec"]["podSelector"].get("matchLabels", {}) for policy in of("NetworkPolicy").values()]
    for selector in selectors:
        assert any(selector.items() <= given.items() for given in labels), selector


def test_all_traffic_is_denied_first() -> None:
    first = of("NetworkPolicy")["deny-all"]["spec"]
    assert (first["podSelector"], first["policyTypes"]) == ({}, ["Ingress", "Egress"])
    assert "ingress" not in first
    assert "egress" not in first


def test_settings_exist_and_no_secret_is_in_plain_sight() -> None:
    given = dict(of("ConfigMap")["chengxin"]["data"])
    for container in CONTAINERS.values():
        for variable in container.get("env", []):
            given[variable["name"]] = variable.get("value", "")
            if any(word in variable["name"] for word in ("PASSWORD", "API_KEY")):
                assert set(variable["valueFrom"]) == {"secretKeyRef"}
    assert {name for name in given if name.startswith(PREFIX)} <= KNOWN
    assert "@" not in given["CHENGXIN_DATABASE_URL"].replace("//chengxin@", "")


def test_settings_are_accepted_as_they_are(tmp_path: Path) -> None:
    given = dict(of("ConfigMap")["chengxin"]["data"])
    mounted = {name: tmp_path / Path(value).name for name, value in given.items() if name.endswith("_FILE")}
    for path in mounted.values():
        path.write_text("x")
    values = {name.removeprefix(PREFIX).lower(): value for name, value in {**given, **mounted}.items()}
    assert Settings(**values).broker_user == "chengxin"


def test_workers_scale_by_lag_up_to_the_partitions() -> None:
    scaler = of("HorizontalPodAutoscaler")["chengxin-worker"]["spec"]
    assert scaler["scaleTargetRef"]["name"] in of("Deployment")
    (metric,) = scaler["metrics"]
    adapter = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text(encoding="utf-8"))
    (rule,) = adapter["rules"]["external"]
    assert metric["external"]["metric"]["name"] == rule["name"]["as"]
    assert named_metrics(rule["metricsQuery"] + rule["seriesQuery"]) <= our_metrics()
    assert scaler["maxReplicas"] <= topics.load().topics["transcripts"].partitions
    for name in of("HorizontalPodAutoscaler"):
        assert "replicas" not in of("Deployment")[name]["spec"]  # or every apply would undo the scaling
