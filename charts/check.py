"""Lints and renders the chart for each file in its folder `ci`, and validates every manifest.

Helm's own library does the first two. Kubernetes' schemas, strict and of the oldest and the newest version that the chart
supports, do the third; kubectl reads all of it. What they cannot know (names that must agree, Pod Security, one source for
rules and dashboards) is compared here.
"""

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import helm_python
import kubectl
import kubernetes_validate
import yaml
from helm_python import Chart

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts/gcore-billing-exporter"
KUBECTL = Path(sys.executable).parent / "kubectl"
PLAIN = ROOT / "deploy/kubernetes"
VERSIONS = ("1.25.0", "1.37.0")
# Of the Prometheus operator: Kubernetes has no schema of them.
OPERATOR = "monitoring.coreos.com/v1"
# `kubectl apply` keeps the whole object in an annotation, and the API takes an object of 1 MiB at most.
LARGEST = 1 << 20
RUNBOOKS = "https://gcore-billing.example.com"

# Values that the schema must refuse, and a word of the reason.
REFUSED = [
    ({"replcas": 1}, "replcas"),
    ({"persistence": {"siez": "1Gi"}}, "siez"),
    ({"persistence": {"size": "much"}}, "size"),
    ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
    ({"replicas": "one"}, "replicas"),
    ({"service": {"port": 0}}, "port"),
    ({"serviceMonitor": {"interval": 30}}, "interval"),
    ({"apiKeys": {"main": ""}}, "main"),
    ({"web": {"configg": ""}}, "configg"),
    ({"serviceMonitor": {"tlsConfig": "x"}}, "tlsConfig"),
]
# Values that a schema cannot refuse, and what the chart says.
UNUSABLE = [
    ({}, "no API key"),
    ({"apiKeys": {"main": "1"}, "existingSecret": "x"}, "not both"),
    ({"apiKeys": {"main": "1"}, "web": {"tlsSecret": "x"}}, "needs web.config"),
    ({"apiKeys": {"main": "1"}, "web": {"config": "a: [b"}}, "no YAML"),
]

faults = []


def expect(is_right, fault):
    if not is_right:
        faults.append(fault)


def load(path):
    return yaml.safe_load(path.read_text())


def render(chart, values, name="billing", namespace="monitoring"):
    """The manifests, by the template that they are of; notes are none."""
    rendered = chart.render(values, name=name, namespace=namespace)
    rendered = {path: text for path, text in sorted(rendered.items()) if path.endswith(".yaml") and text.strip()}
    return {path: [one for one in yaml.safe_load_all(text) if one] for path, text in rendered.items()}, rendered


def refused(action):
    """The reason for which it is refused."""
    try:
        action()
    except helm_python.HelmError as error:
        return str(error)
    return None


def validate(manifest, where):
    if manifest["apiVersion"] == OPERATOR:
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except Exception as error:  # of several libraries below it
            faults.append(f"{where}: Kubernetes {version}: {type(error).__name__}: {error}")


def check_pod(pod, where):
    """The profile `restricted` of Pod Security, and what goes beyond it."""
    (container,) = pod["containers"]
    own, shared = container["securityContext"], pod["securityContext"]
    expect(shared["runAsNonRoot"] is True and shared["runAsUser"] > 0, f"{where}: runs as root")
    expect(shared["seccompProfile"]["type"] == "RuntimeDefault", f"{where}: no seccomp profile")
    expect(own["allowPrivilegeEscalation"] is False, f"{where}: may escalate privileges")
    expect(own["capabilities"] == {"drop": ["ALL"]}, f"{where}: has capabilities")
    expect(own["readOnlyRootFilesystem"] is True, f"{where}: the root file system is writable")
    expect(pod["automountServiceAccountToken"] is False, f"{where}: has a token for Kubernetes' API")
    allowed = {"configMap", "secret", "emptyDir", "projected"}
    kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
    expect(kinds <= allowed, f"{where}: volumes of kind {kinds - allowed}")
    expect({"livenessProbe", "readinessProbe", "resources"} <= set(container), f"{where}: no probes or resources")


def check_agreement(manifests, where):
    """Names, labels and ports that must be alike in several manifests."""
    by_kind = {}
    for manifest in manifests:
        by_kind.setdefault(manifest["kind"], []).append(manifest)
        expect(manifest["metadata"].get("namespace") == "monitoring", f"{where}: {manifest['kind']} has no namespace")
    (workload,) = by_kind["StatefulSet"]
    template = workload["spec"]["template"]
    labels, pod = template["metadata"]["labels"], template["spec"]
    selectors = [
        *(one["spec"]["selector"] for one in by_kind["Service"]),
        workload["spec"]["selector"]["matchLabels"],
        *(one["spec"]["podSelector"]["matchLabels"] for one in by_kind.get("NetworkPolicy", [])),
        *(one["spec"]["selector"]["matchLabels"] for one in by_kind.get("PodDisruptionBudget", [])),
    ]
    for selector in selectors:
        expect(selector.items() <= labels.items(), f"{where}: {selector} selects no pod")
    (service,) = by_kind["Service"]
    for monitor in by_kind.get("ServiceMonitor", []):
        wanted = monitor["spec"]["selector"]["matchLabels"]
        expect(wanted.items() <= service["metadata"]["labels"].items(), f"{where}: the ServiceMonitor selects nothing")
        ports = {port["name"] for port in service["spec"]["ports"]}
        expect(monitor["spec"]["endpoints"][0]["port"] in ports, f"{where}: the ServiceMonitor's port is missing")
    mounts = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    claims = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
    expect(mounts == {volume["name"] for volume in pod["volumes"]} | claims, f"{where}: mounts without volumes")
    check_pod(pod, where)
    return by_kind


def check_copies(by_kind):
    """Rules and dashboards are those of the repository, each file once."""
    rules = sorted(
        (one["metadata"]["name"].removeprefix("billing-") + ".yml", one["spec"]) for one in by_kind["PrometheusRule"]
    )
    url = "https://billing.example.com"
    own = sorted(
        (path.name, yaml.safe_load(path.read_text().replace(RUNBOOKS, url)))
        for path in (ROOT / "prometheus/rules").glob("*.yml")
    )
    expect(own, "prometheus/rules is empty")
    expect(rules == own, "the PrometheusRules differ from prometheus/rules")
    boards = {}
    for one in by_kind["ConfigMap"]:
        expect(len(json.dumps(one)) < LARGEST, f"ConfigMap {one['metadata']['name']} is larger than 1 MiB")
        boards |= {name: json.loads(text) for name, text in one["data"].items() if name.endswith(".json")}
    files = (ROOT / "grafana/dashboards").glob("*.json")
    own = {f"gcore-{path.name}": json.loads(path.read_text()) for path in files}
    expect(own, "grafana/dashboards is empty")
    expect(boards == own, "the ConfigMaps of dashboards differ from grafana/dashboards")


def check_web(by_kind, values, where):
    """A listener with TLS and a password: its file, the probes that pass it, and the scrape; without it, plain HTTP."""
    web = values.get("web", {}).get("config")
    pod = by_kind["StatefulSet"][0]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    flag = "--web.config.file=/etc/gcore-billing-exporter-web/web.yml"
    expect((flag in container["args"]) == bool(web), f"{where}: the flag of the web configuration")
    for probe in (container["livenessProbe"], container["readinessProbe"]):
        expect(("exec" in probe, "httpGet" in probe) == (bool(web), not web), f"{where}: {probe}")
    scheme = "https" if web and "tls_server_config" in yaml.safe_load(web) else "http"
    for monitor in by_kind.get("ServiceMonitor", []):
        (endpoint,) = monitor["spec"]["endpoints"]
        expect(endpoint.get("scheme", "http") == scheme, f"{where}: the ServiceMonitor's scheme")
        for key in ("tlsConfig", "basicAuth"):
            expect(endpoint.get(key) == values["serviceMonitor"].get(key), f"{where}: the ServiceMonitor's {key}")
    if not web:
        return
    command = [*container["livenessProbe"]["exec"]["command"]]
    expect(command[1:] == ["healthcheck", "--healthcheck.url=http://127.0.0.1:10061"], f"{where}: {command}")
    (secret,) = (one for one in by_kind["Secret"] if one["metadata"]["name"].endswith("-web"))
    expect(base64.b64decode(secret["data"]["web.yml"]).decode() == web, f"{where}: the Secret has another text")
    (mount,) = (one["mountPath"] for one in container["volumeMounts"] if one["name"] == "web")
    expect(mount == "/etc/gcore-billing-exporter-web", f"{where}: {mount}")
    (volume,) = (one["projected"] for one in pod["volumes"] if one["name"] == "web")
    names = [source["secret"]["name"] for source in volume["sources"]]
    expect(names == [secret["metadata"]["name"], values["web"]["tlsSecret"]], f"{where}: the volume has {names}")
    expect(volume["defaultMode"] == 0o440, f"{where}: the private key can be read by all")


def check_refusals(chart):
    key = {"apiKeys": {"main": "1"}}
    for values, word in REFUSED:
        said = refused(lambda: chart.render({**key, **values}, name="billing", namespace="monitoring"))
        expect(said is not None and word in said, f"{values} should be refused by its name; said was {said}")
    for values, word in UNUSABLE:
        said = refused(lambda: chart.render(values, name="billing", namespace="monitoring"))
        expect(said is not None and word in said, f"{values} should be refused with {word!r}; said was {said}")


def check_schema_is_whole(chart):
    """Each value has a line in the schema, and the reverse; nothing else is let through."""

    def compare(values, schema, path):
        named = schema.get("properties")
        if named is None:
            return
        expect(schema.get("additionalProperties") is False, f"the schema lets {path or 'the top'} have any value")
        known = set(named) - ({"global"} if not path else {"initialDelaySeconds"})
        expect(known == set(values), f"values.yaml and the schema differ at {path}: {known ^ set(values)}")
        for name in known & set(values):
            inner = named[name]
            reference = inner.get("$ref", "").rsplit("/", 1)[-1]
            inner = chart.schema["definitions"].get(reference, inner)
            if isinstance(values[name], dict):
                compare(values[name], inner, f"{path}.{name}")

    compare(chart.values, chart.schema, "")


def plain_manifests(chart):
    """The texts of deploy/kubernetes, by file."""
    values = load(CHART / "ci/plain-values.yaml")
    _, texts = render(chart, values, name="gcore-billing-exporter", namespace="gcore-billing-exporter")
    # They are none of Helm's.
    dropped = ("helm.sh/chart:", "app.kubernetes.io/managed-by:", "# Source:")
    files = {}
    for path, text in texts.items():
        lines = [line for line in text.splitlines() if not line.strip().startswith(dropped)]
        body = "\n".join(lines).strip("-\n")
        files[Path(path).name] = f"# Rendered from the chart by `scripts/check-chart --write`.\n{body}\n"
    entries = "".join(f"  - {name}\n" for name in ["namespace.yaml", *sorted(files)])
    files["kustomization.yaml"] = (
        "# kubectl apply --kustomize deploy/kubernetes: docs/kubernetes.md.\n"
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources:\n{entries}"
    )
    files["namespace.yaml"] = (
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: gcore-billing-exporter\n  labels:\n"
        "    pod-security.kubernetes.io/enforce: restricted\n"
    )
    return files


def check_plain(chart, is_written):
    files = plain_manifests(chart)
    if is_written:
        PLAIN.mkdir(parents=True, exist_ok=True)
        for path in PLAIN.glob("*.yaml"):
            path.unlink()
        for name, text in files.items():
            (PLAIN / name).write_text(text)
    found = {path.name: path.read_text() for path in PLAIN.glob("*.yaml")}
    expect(found == files, "deploy/kubernetes differs from the chart: run scripts/check-chart --write")
    for name, text in files.items():
        if name != "kustomization.yaml":
            for manifest in yaml.safe_load_all(text):
                validate(manifest, f"deploy/kubernetes/{name}")


def check_kubectl(chart):
    """kubectl takes what Helm renders, and what kustomize makes of deploy/kubernetes."""
    texts = ["\n---\n".join(render(chart, load(path))[1].values()) for path in sorted((CHART / "ci").glob("*.yaml"))]
    built = subprocess.run([KUBECTL, "kustomize", PLAIN], capture_output=True, text=True, check=True)
    for text in [*texts, built.stdout]:
        number = sum(one is not None for one in yaml.safe_load_all(text))
        try:
            names = kubectl.dry_run(KUBECTL, text)
        except ValueError as error:
            faults.append(f"kubectl --dry-run=client: {error}")
        else:
            expect(len(names) == number, f"kubectl took {len(names)} of {number} manifests")


def check_package(chart):
    """A packaged chart needs nothing beside it."""
    with tempfile.TemporaryDirectory() as folder:
        packed = Chart.load(chart.save(folder))
        values = load(CHART / "ci/full-values.yaml")
        expect(render(packed, values)[0] == render(chart, values)[0], "the packaged chart renders something else")


def lint(values, where):
    answer = helm_python.lint(CHART, values, strict=True, namespace="monitoring")
    problems = [message for message in answer.get("messages", []) if "icon is recommended" not in str(message)]
    expect(not problems, f"{where}: helm lint: {problems}")


def main():
    chart = Chart.load(CHART)
    number = 0
    for path in sorted((CHART / "ci").glob("*.yaml")):
        values, where = load(path), f"ci/{path.name}"
        lint(values, where)
        manifests = [one for each in render(chart, values)[0].values() for one in each]
        for manifest in manifests:
            validate(manifest, f"{where}: {manifest['kind']} {manifest['metadata']['name']}")
        by_kind = check_agreement(manifests, where)
        check_web(by_kind, values, where)
        number += len(manifests)
        if path.name == "full-values.yaml":
            check_copies(by_kind)
    check_refusals(chart)
    check_schema_is_whole(chart)
    check_plain(chart, "--write" in sys.argv[1:])
    check_kubectl(chart)
    check_package(chart)
    for fault in faults:
        print(f"check-chart: {fault}", file=sys.stderr)
    versions = ", ".join(VERSIONS)
    print(f"check-chart: {number} manifests, Helm {helm_python.helm_sdk_version()}, Kubernetes {versions}")
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except helm_python.HelmError as error:
        sys.exit(f"check-chart: Helm: {error}")
