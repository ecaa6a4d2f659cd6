# SPDX-License-Identifier: Apache-2.0
"""channelz, read by grpcio with stubs that are generated from the public definition."""
import contextlib
import socket
import threading
import time
from concurrent import futures

import grpc
import pytest
from support import certs, places, programs, protos, tls, tokens

LOOPS = 3


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return protos.public_modules(tmp_path_factory.mktemp("channelz"), "grpc/channelz/v1/channelz.proto")


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    return protos.python_module(tmp_path_factory.mktemp("user"), "user")


@pytest.fixture
def userd(tmp_path):
    userd = programs.Userd(tmp_path, "--loops", str(LOOPS)).start()
    yield userd
    try:
        userd.stop()
    finally:
        userd.kill()


def own_connection(address):
    """A channel that shares its connection with no other one."""
    return grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


class Asker:
    def __init__(self, channel, modules, metadata=None):
        self.messages, services = modules
        self.stub = services.ChannelzStub(channel)
        self.metadata = metadata

    def __getattr__(self, name):
        request = getattr(self.messages, f"{name}Request")
        return lambda **fields: getattr(self.stub, name)(request(**fields), timeout=60, metadata=self.metadata)

    def server(self):
        (server,) = self.GetServers().server
        return server

    def socket_ids(self, size=0):
        """Of all connections, page by page."""
        ids, start = [], 0
        while True:
            page = self.GetServerSockets(server_id=1, start_socket_id=start, max_results=size)
            assert page.end or page.socket_ref
            assert size == 0 or len(page.socket_ref) <= size
            ids += [ref.socket_id for ref in page.socket_ref]
            if page.end:
                return ids
            start = ids[-1] + 1

    def sockets(self):
        return [self.GetSocket(socket_id=one).socket for one in self.socket_ids()]

    def refused(self, name, **fields):
        with pytest.raises(grpc.RpcError) as raised:
            getattr(self, name)(**fields)
        return raised.value.code().name


@pytest.fixture
def asker(userd, modules):
    """Its connection is the first one."""
    with own_connection(userd.address) as channel:
        asker = Asker(channel, modules)
        asker.server()
        yield asker


def get_user(channel, users, number, times=1):
    call = channel.unary_unary(
        "/user.UserService/GetUser", users.GetUserRequest.SerializeToString, users.GetUserResponse.FromString
    )
    for _ in range(times):
        call(users.GetUserRequest(id=number), timeout=60)


def seconds(stamp):
    return stamp.seconds + stamp.nanos / 1e9


def test_a_server_counts(asker, users, userd):
    before = asker.server()
    began = time.time()
    with own_connection(userd.address) as channel:
        get_user(channel, users, 1, times=5)
        with pytest.raises(grpc.RpcError):
            channel.unary_unary("/user.UserService/DeleteUser")(b"", timeout=60)
    after = asker.GetServer(server_id=before.ref.server_id).server
    assert after.data.calls_succeeded - before.data.calls_succeeded == 6  # the first question is one of them
    assert after.data.calls_failed - before.data.calls_failed == 1
    assert after.data.calls_started - before.data.calls_started == 7
    assert began - 1 <= seconds(after.data.last_call_started_timestamp) <= time.time() + 1
    (listens,) = after.listen_socket
    assert listens.name == userd.address
    local = asker.GetSocket(socket_id=listens.socket_id).socket.local.tcpip_address
    assert (socket.inet_ntoa(local.ip_address), local.port) == ("127.0.0.1", int(userd.address.split(":")[1]))


def test_a_connection_counts(asker, users, userd):
    with own_connection(userd.address) as channel:
        get_user(channel, users, 1, times=3)
        one = asker.sockets()[-1]
        data = one.data
        assert (data.streams_started, data.streams_succeeded, data.streams_failed) == (3, 3, 0)
        assert data.messages_sent == 3 and data.keep_alives_sent == 0
        assert not one.HasField("security")
        assert one.local.tcpip_address.port == int(userd.address.split(":")[1])
        assert one.ref.name == f"ipv4:127.0.0.1:{one.remote.tcpip_address.port}"
        assert data.local_flow_control_window.value > 0 and data.remote_flow_control_window.value > 0
        for stamp in (
            data.last_remote_stream_created_timestamp, data.last_message_sent_timestamp,
            data.last_message_received_timestamp,
        ):
            assert abs(seconds(stamp) - time.time()) < 60
        assert not data.HasField("last_local_stream_created_timestamp")

        stream = channel.stream_stream(
            "/user.UserService/ChatUsers", users.ChatMessage.SerializeToString, users.ChatMessage.FromString
        )
        wait = threading.Event()
        said = (users.ChatMessage(**{"from": "a", "content": text}) for text in ["1", "2"])

        def until_told():
            yield from said
            wait.wait(60)

        answers = stream(until_told(), timeout=60)
        next(answers), next(answers)
        now = asker.GetSocket(socket_id=one.ref.socket_id).socket.data
        assert (now.streams_started, now.streams_succeeded, now.streams_failed) == (4, 3, 0)
        assert (now.messages_received, now.messages_sent) == (5, 5)
        answers.cancel()
        wait.set()
        programs.wait_until(
            lambda: asker.GetSocket(socket_id=one.ref.socket_id).socket.data.streams_failed == 1,
            "the stream that was cancelled",
        )
    programs.wait_until(lambda: one.ref.socket_id not in asker.socket_ids(), "the connection to end")
    assert asker.refused("GetSocket", socket_id=one.ref.socket_id) == "NOT_FOUND"


def test_pages(asker, users, userd):
    """More connections than go on a page, on all loops."""
    with contextlib.ExitStack() as stack:
        plain = [stack.enter_context(contextlib.closing(socket.create_connection(userd.address.split(":"))))
                 for _ in range(120)]
        programs.wait_until(lambda: len(asker.socket_ids()) == len(plain) + 1, "all connections")
        ids = asker.socket_ids()
        assert ids == sorted(set(ids))
        for size in (1, 7, 100, 1000):
            assert asker.socket_ids(size) == ids
        page = asker.GetServerSockets(server_id=1, start_socket_id=ids[50], max_results=3)
        assert [ref.socket_id for ref in page.socket_ref] == ids[50:53] and not page.end
        page = asker.GetServerSockets(server_id=1, start_socket_id=ids[-1] + 1)
        assert not page.socket_ref and page.end
        fresh = asker.GetSocket(socket_id=ids[60]).socket.data
        assert fresh.streams_started == 0 and not fresh.HasField("last_message_sent_timestamp")


def test_pages_of_servers(asker):
    page = asker.GetServers(start_server_id=1, max_results=1)
    assert [one.ref.server_id for one in page.server] == [1] and page.end
    page = asker.GetServers(start_server_id=2)
    assert not page.server and page.end


def test_what_is_not_there(asker):
    for name, fields in (
        ("GetServer", {"server_id": 2}),
        ("GetServer", {"server_id": 0}),
        ("GetServer", {"server_id": -1}),
        ("GetServerSockets", {"server_id": 2}),
        ("GetServerSockets", {"server_id": -(1 << 63)}),
        ("GetSocket", {"socket_id": 0}),
        ("GetSocket", {"socket_id": -1}),
        ("GetSocket", {"socket_id": 1 << 39}),
        ("GetSocket", {"socket_id": (1 << 39) + 2}),
        ("GetSocket", {"socket_id": (1 << 40) + 1}),
        ("GetSocket", {"socket_id": (1 << 63) - 1}),
        ("GetSocket", {"socket_id": 1 << 38}),
        ("GetChannel", {"channel_id": 12345}),
        ("GetSubchannel", {"subchannel_id": 12345}),
    ):
        assert asker.refused(name, **fields) == "NOT_FOUND", (name, fields)
    for name, fields in (
        ("GetServers", {"start_server_id": -1}),
        ("GetServers", {"max_results": -1}),
        ("GetServerSockets", {"server_id": 1, "start_socket_id": -1}),
        ("GetServerSockets", {"server_id": 1, "max_results": -(1 << 63)}),
        ("GetTopChannels", {"max_results": -1}),
    ):
        assert asker.refused(name, **fields) == "INVALID_ARGUMENT", (name, fields)


def test_unix_and_tls(tmp_path, modules):
    authority = certs.Authority(tmp_path)
    path = tmp_path / "socket"
    userd = tls.userd(tmp_path, authority.issue("server", certs.LOCAL), "--listen", f"unix:{path}")
    try:
        userd.start()
        with own_connection(f"unix:{path}") as inside, tls.channel(userd.address, authority) as outside:
            asker = Asker(inside, modules)
            Asker(outside, modules).server()
            ours = {one.security.tls.standard_name: one for one in asker.sockets()}
            assert ours[""].local.uds_address.filename == str(path)
            secure = [name for name in ours if name]
            assert secure and secure[0].startswith("TLS_")
            names = {ref.name for ref in asker.server().listen_socket}
            assert names == {userd.address, f"unix:{path}"}
            (listens,) = [ref for ref in asker.server().listen_socket if ref.name.startswith("unix:")]
            assert asker.GetSocket(socket_id=listens.socket_id).socket.local.uds_address.filename == str(path)
        userd.stop()
    finally:
        userd.kill()


def test_while_connections_come_and_go(asker, users, userd):
    """Asked all the time, on all loops, while others come and go, and while it drains."""
    over = threading.Event()

    def come_and_go():
        while not over.is_set():
            with own_connection(userd.address) as channel:
                get_user(channel, users, 1)

    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for one in threads:
        one.start()
    try:
        for _ in range(100):
            ids = asker.socket_ids(2)
            assert ids == sorted(set(ids))
    finally:
        over.set()
        for one in threads:
            one.join()


def test_drain_while_asked(tmp_path, modules):
    """Loops that are at their end owe no answer, and who asks last is answered."""
    for _ in range(5):
        userd = programs.Userd(tmp_path, "--loops", str(LOOPS)).start()
        over = threading.Event()

        def ask():
            with own_connection(userd.address) as channel:
                asker = Asker(channel, modules)
                with contextlib.suppress(grpc.RpcError):
                    while not over.is_set():
                        asker.socket_ids()

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for one in threads:
            one.start()
        try:
            time.sleep(0.1)
            userd.stop()
            assert "all finished" in userd.said()
        finally:
            over.set()
            userd.kill()
            for one in threads:
                one.join()


class Collector:
    """A server of grpcio that takes what traces there are."""

    def __init__(self):
        self.taken = 0
        self.server = grpc.server(futures.ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers([self])
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.address = f"127.0.0.1:{port}"
        self.server.start()

    def service(self, _):
        def take(request, _):
            self.taken += 1
            return b""

        return grpc.unary_unary_rpc_method_handler(take)

    def close(self):
        self.server.stop(None).wait()


def test_channels(tmp_path, modules, users):
    """The channel on which userd sends its traces, down to its connection."""
    ready, idle = modules[0].ChannelConnectivityState.READY, modules[0].ChannelConnectivityState.IDLE
    with contextlib.closing(Collector()) as collector:
        userd = programs.Userd(tmp_path, "--otlp", f"http://{collector.address}").start()
        try:
            with own_connection(userd.address) as channel:
                asker = Asker(channel, modules)
                (mine,) = asker.GetTopChannels().channel
                assert mine.data.target == mine.ref.name == collector.address
                assert mine.data.state.state == idle and mine.data.calls_started == 0
                get_user(channel, users, 1)
                programs.wait_until(lambda: collector.taken > 0, "traces")
                programs.wait_until(
                    lambda: asker.GetChannel(channel_id=mine.ref.channel_id).channel.data.calls_succeeded > 0,
                    "the call to be counted",
                )
                mine = asker.GetChannel(channel_id=mine.ref.channel_id).channel
                assert mine.data.state.state == ready and mine.data.calls_failed == 0
                assert abs(seconds(mine.data.last_call_started_timestamp) - time.time()) < 60
                (ref,) = mine.subchannel_ref
                assert ref.name == collector.address
                subchannel = asker.GetSubchannel(subchannel_id=ref.subchannel_id).subchannel
                assert subchannel.data.state.state == ready and subchannel.data.calls_succeeded > 0
                (ref,) = subchannel.socket_ref
                one = asker.GetSocket(socket_id=ref.socket_id).socket
                assert one.remote.tcpip_address.port == int(collector.address.split(":")[1])
                assert one.data.streams_succeeded > 0 and one.data.messages_sent > 0
                assert one.data.HasField("last_local_stream_created_timestamp")
                assert not one.data.HasField("last_remote_stream_created_timestamp")

                collector.close()
                programs.wait_until(
                    lambda: asker.GetChannel(channel_id=mine.ref.channel_id).channel.data.state.state != ready,
                    "the collector's end to be noticed",
                )
                assert asker.refused("GetSocket", socket_id=ref.socket_id) == "NOT_FOUND"
                # What its connection has counted is not forgotten.
                (ref,) = asker.GetChannel(channel_id=mine.ref.channel_id).channel.subchannel_ref
                data = asker.GetSubchannel(subchannel_id=ref.subchannel_id).subchannel.data
                assert data.calls_succeeded >= subchannel.data.calls_succeeded

                servers = asker.GetServers()
                assert len(servers.server) == 1 and servers.end
                page = asker.GetTopChannels(max_results=1)
                assert [one.ref.channel_id for one in page.channel] == [mine.ref.channel_id] and page.end
                for name, fields in (
                    ("GetChannel", {"channel_id": servers.server[0].ref.server_id}),
                    ("GetServer", {"server_id": mine.ref.channel_id}),
                    ("GetSubchannel", {"subchannel_id": ref.subchannel_id + 1}),
                    ("GetSubchannel", {"subchannel_id": 1}),
                ):
                    assert asker.refused(name, **fields) == "NOT_FOUND", (name, fields)
            userd.stop()
        finally:
            userd.kill()


def test_only_admins(tmp_path, modules):
    key = tokens.new_key("ES256")
    (tmp_path / "public.pem").write_bytes(tokens.public_pem(key))
    userd = programs.Userd(tmp_path, "--auth", "jwt", "--jwt-public-key", tmp_path / "public.pem")
    try:
        userd.start()
        with own_connection(userd.address) as channel:
            codes = {}
            for who in (None, "user", "admin"):
                token = who and tokens.sign(key, "ES256", tokens.claims(roles=[who]))
                asker = Asker(channel, modules, who and [("authorization", f"Bearer {token}")])
                try:
                    asker.GetServers()
                    codes[who] = "OK"
                except grpc.RpcError as error:
                    codes[who] = error.code().name
            assert codes == {None: "UNAUTHENTICATED", "user": "PERMISSION_DENIED", "admin": "OK"}
        userd.stop()
    finally:
        userd.kill()


def test_off_beyond_loopback(tmp_path, modules):
    """With an address that others can reach it takes the flag."""
    port = places.free_address().split(":")[1]
    for flags, code in ([], "UNIMPLEMENTED"), (["--channelz"], None):
        userd = programs.Userd(tmp_path, "--listen", f"0.0.0.0:{port}", "--insecure", *flags)
        try:
            userd.start()
            with own_connection(userd.address) as channel:
                if code is None:
                    assert len(Asker(channel, modules).server().listen_socket) == 2
                else:
                    assert Asker(channel, modules).refused("GetServers") == code
            userd.stop()
        finally:
            userd.kill()
