"""Lets `kubectl --dry-run=client` read manifests without a cluster.

kubectl asks a server which kinds there are, before it decodes anything. A cluster answers from its types; here the answer is
the list below, and nothing else is served. kubectl then refuses a kind or a version that no server has; fields are for the
schemas.
"""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# group version → kind → plural
KINDS = {
    "v1": {
        "ConfigMap": "configmaps",
        "Namespace": "namespaces",
        "Secret": "secrets",
        "Service": "services",
        "ServiceAccount": "serviceaccounts",
    },
    "apps/v1": {"StatefulSet": "statefulsets"},
    "networking.k8s.io/v1": {"NetworkPolicy": "networkpolicies"},
    "policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
    "monitoring.coreos.com/v1": {"PrometheusRule": "prometheusrules", "ServiceMonitor": "servicemonitors"},
}
# Namespaces are in no namespace.
CLUSTER_WIDE = {"Namespace"}


def answer(path):
    """What a server says of its kinds, or None."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        versions = [{"groupVersion": one, "version": one.split("/")[1]} for one in KINDS if "/" in one]
        groups = [
            {"name": one["groupVersion"].split("/")[0], "versions": [one], "preferredVersion": one} for one in versions
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    kinds = KINDS.get(path.removeprefix("/apis/").removeprefix("/api/"))
    if kinds is None:
        return None
    resources = [
        {"name": plural, "kind": kind, "namespaced": kind not in CLUSTER_WIDE, "verbs": ["create", "get", "patch"]}
        for kind, plural in kinds.items()
    ]
    group_version = path.split("/", 2)[2]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


class Discovery(BaseHTTPRequestHandler):
    """Serves `answer`."""

    def do_GET(self):
        found = answer(self.path.split("?")[0])
        body = json.dumps(found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def dry_run(kubectl, manifests):
    """Creates each manifest without a cluster; returns the names, or raises with what kubectl says."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Discovery)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        command = [kubectl, "--server", address, "--kubeconfig=/dev/null", "create", "--dry-run=client"]
        ended = subprocess.run(
            [*command, "--validate=false", "--output=name", "--filename=-"],
            input=manifests,
            text=True,
            capture_output=True,
        )
    finally:
        server.shutdown()
    if ended.returncode != 0:
        raise ValueError(ended.stderr.strip())
    return ended.stdout.split()
