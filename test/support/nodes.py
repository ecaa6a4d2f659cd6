# SPDX-License-Identifier: Apache-2.0
"""userd among others, or with other servers."""
import json
import urllib.error
import urllib.request

from support import clients, places, programs

# What a call may take while a server is away, on a busy machine: far more than it does, far less than a hang.
SOON = 20


class Node:
    """A userd with a client."""

    def __init__(self, folder, user_pb2, *flags):
        self.types = user_pb2
        folder.mkdir(parents=True, exist_ok=True)
        self.ops = places.free_address()
        self.userd = programs.Userd(folder, "--ops", self.ops, *flags).start()
        self.client = clients.Grpcio(user_pb2, self.userd.address, folder)

    def call(self, method, request, timeout=SOON):
        answer = self.client.call(method, request, timeout=timeout)
        assert answer.code == "OK", answer
        return answer.response

    def create(self, email, name="old"):
        return self.call("CreateUser", self.types.CreateUserRequest(name=name, email=email)).user

    def get(self, user_id):
        return self.call("GetUser", self.types.GetUserRequest(id=user_id))

    def rename(self, user_id, name):
        self.call("UpdateUser", self.types.UpdateUserRequest(user=self.types.User(id=user_id, name=name)))

    def metric(self, name):
        with urllib.request.urlopen(f"http://{self.ops}/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def health(self):
        """Its judgement, and what it says of the cache."""
        try:
            with urllib.request.urlopen(f"http://{self.ops}/health", timeout=60) as answer:
                body = json.load(answer)
        except urllib.error.HTTPError as error:
            body = json.load(error)
        return body["status"], body["services"].get("cache")

    def await_cache(self, status):
        programs.wait_until(lambda: self.health() == ("healthy", status), f"the cache to be {status}")

    def close(self):
        self.client.close()
        try:
            self.userd.stop()
        finally:
            self.userd.kill()
