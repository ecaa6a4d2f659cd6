# SPDX-License-Identifier: Apache-2.0
"""Many clients with calls of all kinds amid a fault, and what has to be in the database afterwards."""
import collections
import concurrent.futures
import itertools
import random
import threading
import time

from support import nodes, programs

CLIENTS = 64
TIMEOUT = 3  # seconds, of a call, where some are to reach it
PAUSE = 0.05  # seconds that a client lets a server that is away come back

IN_DOUBT = ("UNAVAILABLE", "DEADLINE_EXCEEDED")
CODES = {
    "CreateUser": {"OK", *IN_DOUBT},
    "UpdateUser": {"OK", "NOT_FOUND", *IN_DOUBT},  # the second where a delete is in doubt
    "DeleteUser": {"OK", "NOT_FOUND", *IN_DOUBT},
    "GetUser": {"OK", *IN_DOUBT},
    "ListUsers": {"OK", *IN_DOUBT},
    "CreateUsersStream": {"OK", *IN_DOUBT},
    "ListUsersStream": {"OK", *IN_DOUBT},
}


class User:
    """What one client knows of a user, whom nobody else writes."""

    def __init__(self, user_id, name):
        self.id = user_id
        self.names = {name}  # that it may have
        self.late = set()  # that updates in doubt may have given it, sooner or later
        self.written = {name}  # that it ever may have had
        self.gone = False  # True: deleted; None: in doubt


class Client:
    """Calls, one after the other, and what has to be in the database for them."""

    def __init__(self, number, storm):
        self.number = number
        self.storm = storm
        self.types = storm.types
        self.serial = itertools.count(1)
        self.users = []
        self.doubtful = set()  # emails of creates in doubt
        self.emails = {}  # of those that were acknowledged: the user's id

    def email(self):
        return f"{self.number}.{next(self.serial)}@storm.example"

    def call(self, method, request, streamed=None):
        timeout, begin = self.storm.timeout, time.monotonic()
        if streamed is None:
            answer = self.storm.client.call(method, request, timeout=timeout)
        else:
            answer = self.storm.client.stream(method, streamed, timeout=timeout)
        self.storm.note(method, answer.code, time.monotonic() - begin, timeout)
        assert answer.code in CODES[method], (method, answer)
        if answer.code == "UNAVAILABLE":
            time.sleep(PAUSE)
        return answer

    def create(self):
        email = self.email()
        answer = self.call("CreateUser", self.types.CreateUserRequest(name="first", email=email))
        if answer.code != "OK":
            self.doubtful.add(email)
            return
        self.emails[email] = answer.response.user.id
        self.users.append(User(answer.response.user.id, "first"))

    def create_stream(self):
        emails = [self.email() for _ in range(5)]
        requests = [self.types.CreateUserRequest(name="streamed", email=email) for email in emails]
        answer = self.call("CreateUsersStream", None, requests)
        if answer.code != "OK":
            self.doubtful.update(emails)
            return
        response = answer.response[0]
        assert response.count == len(response.users) == len(emails), response
        self.emails.update((user.email, user.id) for user in response.users)

    def update(self, user):
        name = f"name {next(self.serial)}"
        request = self.types.UpdateUserRequest(user=self.types.User(id=user.id, name=name))
        answer = self.call("UpdateUser", request)
        assert answer.code != "NOT_FOUND" or user.gone is None, "an acknowledged user is lost"
        user.written.add(name)
        user.names = {name} if answer.code == "OK" else user.names | {name}
        if answer.code in IN_DOUBT:
            user.late.add(name)

    def delete(self, user):
        answer = self.call("DeleteUser", self.types.DeleteUserRequest(id=user.id))
        assert answer.code != "NOT_FOUND" or user.gone is None, "an acknowledged user is lost"
        user.gone = True if answer.code in ("OK", "NOT_FOUND") else None

    def get(self, user):
        answer = self.call("GetUser", self.types.GetUserRequest(id=user.id))
        if answer.code == "OK" and user.gone is False:
            assert answer.response.found, "an acknowledged user is lost"
        if answer.code == "OK" and answer.response.found:
            assert answer.response.user.name in user.written

    def list(self):
        page = random.choice([1, 2, 50])
        answer = self.call("ListUsers", self.types.ListUsersRequest(page=page, limit=10))
        assert answer.code != "OK" or len({user.id for user in answer.response.users}) == len(answer.response.users)

    def list_stream(self):
        self.call("ListUsersStream", None, [self.types.ListUsersRequest(limit=20)])

    def do_one(self):
        known = [user for user in self.users if user.gone is not True]
        kinds = [(self.create, 3), (self.create_stream, 1), (self.list, 2), (self.list_stream, 1)]
        if known:
            user = random.choice(known)
            kinds += [(lambda: self.get(user), 5), (lambda: self.update(user), 3), (lambda: self.delete(user), 1)]
        random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]()

    def run(self):
        while not self.storm.over.is_set():
            self.do_one()

    def check(self, rows):
        """rows: email -> id, name"""
        for user in self.users:
            row = next((row for row in rows.values() if row[0] == user.id), None)
            if user.gone is True:
                assert row is None, "a delete that was acknowledged is undone"
            elif user.gone is False:
                assert row is not None, "an acknowledged user is lost"
            names = user.names | user.late if self.storm.may_be_late else user.names
            assert row is None or row[1] in names, "an acknowledged name is lost"
        gone = {user.id for user in self.users if user.gone is not False}
        for email, user_id in self.emails.items():
            assert email in rows or user_id in gone, "an acknowledged user is lost"
            assert email not in rows or rows[email][0] == user_id, "a user is doubled"


class Storm:
    def __init__(self, client):
        self.client, self.types = client, client.types
        self.timeout = TIMEOUT
        self.may_be_late = False  # a write in doubt, after later ones
        self.over = threading.Event()
        self.codes = collections.Counter()
        self.slowest = 0  # seconds that a call took
        self.latest = 0  # seconds that one ended after its deadline
        self.lock = threading.Lock()
        self.running = []
        self.clients = [Client(number, self) for number in range(CLIENTS)]

    def note(self, method, code, seconds, timeout):
        with self.lock:
            self.codes[code] += 1
            self.codes[method, code] += 1
            self.slowest = max(self.slowest, seconds)
            self.latest = max(self.latest, seconds - timeout)

    def await_codes(self, count, *codes):
        """So many calls more that end so."""
        goal = sum(self.codes[code] for code in codes) + count

        def are_there():
            assert not any(one.done() for one in self.running), "a client has given up"
            return sum(self.codes[code] for code in codes) >= goal

        programs.wait_until(are_there, f"calls to end in {codes}")

    def rage(self, meanwhile):
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            self.running = [pool.submit(client.run) for client in self.clients]
            try:
                meanwhile()
            finally:
                self.over.set()
                for one in self.running:
                    one.result()

    def check(self, lines, total):
        """lines: email, id and name of all users; total: how many the database says that there are."""
        rows = {email: (int(user_id), name) for email, user_id, name in lines}
        assert len(rows) == len(lines) == total
        known = {email for client in self.clients for email in (*client.emails, *client.doubtful)}
        assert set(rows) <= known
        for client in self.clients:
            client.check({email: row for email, row in rows.items() if email.startswith(f"{client.number}.")})
        assert self.latest < nodes.SOON, "a call hangs past its deadline"
