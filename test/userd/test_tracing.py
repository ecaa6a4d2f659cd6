# SPDX-License-Identifier: Apache-2.0
"""Traces of userctl and userd, as a collector gets them that decodes with definitions of others."""
import json
import os
import time

import grpc
import pytest

from support import peers, places, programs

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
GET = "user.UserService/GetUser"
CREATE = "user.UserService/CreateUser"


class Collector(programs.Server):
    def __init__(self, folder):
        address = places.free_address()
        super().__init__(["node", places.CLIENTS / "collector.js", address], address, folder / "collector.log")
        self.url = f"http://{address}"

    def spans(self):
        """Those that have come; whoever exports them sends them before it ends."""
        return [json.loads(line) for line in self.said().splitlines()]


@pytest.fixture
def collector(tmp_path):
    with peers.running(Collector(tmp_path)) as collector:
        yield collector


def userctl(address, *arguments, expect=0, **environment):
    done = programs.run(
        places.program("userctl"), "--server", address, *arguments, env={**os.environ, **environment}
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def call(userd, user_pb2, metadata=(), path=GET):
    """GetUser, or another path with its request."""
    with grpc.insecure_channel(userd.address) as channel:
        method = channel.unary_unary(
            f"/{path}",
            request_serializer=user_pb2.GetUserRequest.SerializeToString,
            response_deserializer=user_pb2.GetUserResponse.FromString,
        )
        method(user_pb2.GetUserRequest(id=1), timeout=programs.PATIENCE, metadata=metadata)


def only_once(pairs):
    """An object, none of whose keys comes twice."""
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def by_name(spans, service, kind):
    found = [span for span in spans if span["resource"]["service.name"] == service and span["kind"] == kind]
    assert len(found) == 1, spans
    return found[0]


def test_a_chain_of_servers_is_one_trace(tmp_path, collector):
    userd = programs.Userd(tmp_path, "--otlp", collector.url, "--log-format", "json", "--log-level", "debug")
    relay_address = places.free_address()
    relay = programs.Server(
        [places.program("user-relay"), relay_address, userd.address, collector.url],
        relay_address, tmp_path / "relay.log",
    )
    with peers.running(userd), peers.running(relay):
        absent = userctl(relay_address, "--otlp", collector.url, "get", "1", expect=69)
        assert absent.stderr == "userctl: user 1 not found\n"
    spans = collector.spans()
    chain = [
        by_name(spans, "userctl", "client"),
        by_name(spans, "relay", "server"),
        by_name(spans, "relay", "client"),
        by_name(spans, "userd", "server"),
    ]
    assert len(spans) == len(chain)
    assert len({span["trace"] for span in spans}) == 1
    assert [span["parent"] for span in chain] == ["", *(span["span"] for span in chain[:-1])]
    now = time.time() * 1e9
    for span in chain:
        assert span["name"] == GET and span["status"] == "unset" and span["scope"] == "weir"
        assert now - 600e9 < span["start"] <= span["end"] <= now
    for outer, inner in zip(chain, chain[1:]):
        assert outer["start"] <= inner["start"] + 1e9 and inner["end"] <= outer["end"] + 1e9
    host, port = userd.address.split(":")
    attributes = chain[3]["attributes"]
    assert attributes.pop("network.peer.port") > 0
    assert attributes == {
        "rpc.system": "grpc",
        "rpc.service": "user.UserService",
        "rpc.method": "GetUser",
        "rpc.grpc.status_code": 0,
        "server.address": host,
        "server.port": int(port),
        "network.peer.address": "127.0.0.1",
    }
    assert chain[2]["attributes"]["server.port"] == int(port)
    assert chain[2]["attributes"]["network.peer.port"] == int(port)
    assert chain[3]["resource"]["telemetry.sdk.name"] == "weir"
    # The log tells which trace a call belongs to.
    lines = [json.loads(line, object_pairs_hook=only_once) for line in userd.said().splitlines()]
    [ended] = [line for line in lines if line.get("method") == f"/{GET}" and "code" in line]
    assert (ended["trace_id"], ended["span_id"]) == (chain[3]["trace"], chain[3]["span"])


def test_errors_are_marked(tmp_path, collector, user_pb2):
    with peers.running(programs.Userd(tmp_path, "--otlp", collector.url)) as userd:
        url = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        userctl(userd.address, "create", "Ada", "ada@example.org", **url)
        userctl(userd.address, "create", "Ada", "ada@example.org", expect=70, **url)
        with pytest.raises(grpc.RpcError):
            call(userd, user_pb2, path="user.UserService/None")
    good = [span for span in collector.spans() if span["attributes"]["rpc.grpc.status_code"] == 0]
    taken = [span for span in collector.spans() if span["attributes"]["rpc.grpc.status_code"] == 6]
    unknown = [span for span in collector.spans() if span["attributes"]["rpc.grpc.status_code"] == 12]
    assert {(span["kind"], span["status"]) for span in good} == {("client", "unset"), ("server", "unset")}
    # The caller's mistake is the caller's error, not the server's.
    assert {(span["kind"], span["status"]) for span in taken} == {("client", "error"), ("server", "unset")}
    assert all(span["message"] for span in taken if span["kind"] == "client")
    assert {span["name"] for span in taken} == {CREATE}
    assert [(span["kind"], span["status"]) for span in unknown] == [("server", "error")]
    assert "None" in unknown[0]["message"]


def test_the_caller_decides_what_is_recorded(tmp_path, collector, user_pb2):
    with peers.running(programs.Userd(tmp_path, "--otlp", collector.url, "--trace-sample", "0")) as userd:
        call(userd, user_pb2)
        call(userd, user_pb2, [("traceparent", f"00-{TRACE}-{PARENT}-00")])
        call(userd, user_pb2, [("traceparent", f"00-{TRACE}-{PARENT}-01"), ("tracestate", "a=b,c=d")])
        call(userd, user_pb2, [("traceparent", f"00-{TRACE.upper()}-{PARENT}-01")])
    [span] = collector.spans()
    assert (span["trace"], span["parent"], span["state"]) == (TRACE, PARENT, "a=b,c=d")


def test_more_spans_than_a_batch(tmp_path, collector, user_pb2):
    count = 1200
    with peers.running(programs.Userd(tmp_path, "--otlp", collector.url)) as userd:
        with grpc.insecure_channel(userd.address) as channel:
            method = channel.unary_unary(f"/{GET}")
            for _ in range(count):
                method(b"\x08\x01", timeout=programs.PATIENCE)
        programs.wait_until(lambda: len(collector.spans()) >= 1024, "two full batches")
    spans = collector.spans()
    assert len(spans) == len({span["span"] for span in spans}) == len({span["trace"] for span in spans}) == count


def test_without_its_collector_userd_serves_on(tmp_path, user_pb2):
    with peers.running(programs.Userd(tmp_path, "--otlp", f"http://{places.free_address()}")) as userd:
        with grpc.insecure_channel(userd.address) as channel:
            method = channel.unary_unary(f"/{GET}")
            for _ in range(3000):
                method(b"\x08\x01", timeout=programs.PATIENCE)
        untraced = userctl(userd.address, "--otlp", f"http://{places.free_address()}", "list")
    assert untraced.stderr == "userctl: the collector of --otlp did not take the trace\n"
    assert "spans were dropped" in userd.said()


@pytest.mark.parametrize("url", ["https://127.0.0.1:4317", "http://", "ftp://x", "http://127.0.0.1:4317/v1/traces"])
def test_bad_urls_are_refused(url):
    for program in ["userd", "userctl"]:
        done = programs.run(places.program(program), "--otlp", url)
        assert done.returncode == 2
        assert "--otlp" in done.stderr and "http://HOST:PORT" in done.stderr
