# SPDX-License-Identifier: Apache-2.0
"""The manifest: right by Kubernetes' own schemas, of one piece, and userd takes what it is given by it."""
import json
import re

import grpc
import pytest
from support import deploy, places, postgres, programs, protos

DOCKERFILE = deploy.Dockerfile()


def judged(objects):
    return programs.run("node", places.CLIENTS / "kubernetes.js", input=json.dumps(objects))


@pytest.fixture(scope="module")
def objects():
    return deploy.manifest()


def one(objects, kind, name="userd"):
    (found,) = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


@pytest.fixture(scope="module")
def pod(objects):
    return one(objects, "Deployment")["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod):
    (container,) = pod["containers"]
    return container


@pytest.fixture(scope="module")
def flags(objects):
    return one(objects, "ConfigMap", "userd-flags")["data"]


def test_schemas(objects):
    done = judged(objects)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    text = json.dumps(objects)
    for before, after in (
        ('"replicas": 3', '"replica": 3'),
        ('"replicas": 3', '"replicas": "many"'),
        ('"grpc": {"port": 50051', '"grpc": {"port": "grpc"'),
        ('"drop": ["ALL"]', '"dropped": ["ALL"]'),
    ):
        assert before in text
        done = judged(json.loads(text.replace(before, after)))
        assert done.returncode == 1 and done.stdout.startswith("Deployment: "), (after, done.stderr)


def test_it_is_of_one_piece(objects, pod, container):
    labels = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert one(objects, "Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert one(objects, "Service")["spec"]["selector"] == labels
    assert one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert one(objects, "Service")["spec"]["clusterIP"] == "None"
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert [port["targetPort"] in ports for port in one(objects, "Service")["spec"]["ports"]] == [True]
    assert container["readinessProbe"]["grpc"]["port"] == ports["grpc"]
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}
    (keys,) = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    secret = one(objects, "Secret", keys["secretName"])["stringData"]
    assert all(item["key"] in secret for item in keys["items"])
    (database,) = [variable["valueFrom"]["secretKeyRef"] for variable in container["env"]]
    assert database["name"] == "userd" and database["key"] in secret
    maps = {source["configMapRef"]["name"] for source in container["envFrom"]}
    assert all(one(objects, "ConfigMap", name) for name in maps)


def test_it_may_do_little(pod, container):
    user, group = map(int, DOCKERFILE.last("USER")[0].split(":"))
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (user, group)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }
    # Where it writes nevertheless: its socket.
    socket = DOCKERFILE.command()[0][2].removeprefix("unix:")
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert [socket.rsplit("/", 1)[0]] == writable


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(s|m)", duration).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def test_it_has_time_to_end(pod, container, flags):
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > pause + seconds(flags["USERD_GRACE"])


def settled(flags, paths):
    """The flags with the files where the test has them."""
    return {name: paths.get(value.rsplit("/", 1)[-1], value) for name, value in flags.items()}


def test_userd_takes_it(objects, container, flags, tmp_path, monkeypatch):
    """The variables and arguments of the pod, and its probes."""
    made = programs.run(places.program("userd"), "keys", "create", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    key = tmp_path / "jwt-private.pem"
    key.chmod(0o440)  # as the manifest mounts it
    policy = tmp_path / "policy.json"
    policy.write_text(one(objects, "ConfigMap")["data"]["policy.json"])
    assert {flags["USERD_POLICY"], flags["USERD_JWT_PRIVATE_KEY"]} == {
        f"{mount['mountPath']}/{name}"
        for mount, name in zip(container["volumeMounts"][1:], ("jwt.pem", "policy.json"))
    }
    for name, value in settled(flags, {"jwt.pem": str(key), "policy.json": str(policy)}).items():
        monkeypatch.setenv(name, value)
    ops = places.free_address()
    port = places.free_address().split(":")[1]
    arguments = [argument.replace(":50051", f":{port}") for argument in container["args"]]
    cluster = postgres.Cluster().start()
    try:
        monkeypatch.setenv("WEIR_POSTGRES", cluster.url)
        userd = programs.Userd(tmp_path, *arguments, "--ops", ops.replace("127.0.0.1", "0.0.0.0"))
        userd.start()
        try:
            messages, services = protos.public_modules(tmp_path, "grpc/health/v1/health.proto")
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                request = messages.HealthCheckRequest(service=container["readinessProbe"]["grpc"]["service"])
                assert services.HealthStub(channel).Check(request, timeout=60).status == 1
            path = container["livenessProbe"]["httpGet"]["path"]
            assert programs.run("curl", "-sf", f"http://{ops}{path}").stdout == "alive\n"
            userd.stop()
        finally:
            userd.kill()
    finally:
        cluster.remove()
