# SPDX-License-Identifier: Apache-2.0
"""A participant of the chat."""
import threading

import grpc

from support import clients, programs


class Participant:
    """A chat that stays open, by grpcio: what it says is sent at once, what comes is kept."""

    def __init__(self, address, types, name, metadata=()):
        self.types = types
        self.name = name
        self.channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        self.says = []
        self.changed = threading.Condition()
        self.ended = False
        method = self.channel.stream_stream(
            f"/{clients.SERVICE}/ChatUsers",
            request_serializer=types.ChatMessage.SerializeToString,
            response_deserializer=types.ChatMessage.FromString,
        )
        self.call = method(self.requests(), timeout=programs.PATIENCE * 2)

    def requests(self):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.says or self.ended)
                if not self.says:
                    return
                message = self.says.pop(0)
            yield message

    def say(self, content, to="", timestamp=0):
        message = self.types.ChatMessage(**{"from": self.name}, to=to, content=content, timestamp=timestamp)
        with self.changed:
            self.says.append(message)
            self.changed.notify()

    def hear(self):
        """The next message: from, to, content."""
        message = next(self.call)
        return getattr(message, "from"), message.to, message.content

    def join(self):
        self.say("here")
        assert self.hear() == ("server", self.name, "Echo: here")
        return self

    def leave(self):
        """Finish; what is left to hear."""
        with self.changed:
            self.ended = True
            self.changed.notify()
        rest = [message.content for message in self.call]
        self.channel.close()
        return rest

    def vanish(self):
        self.channel.close()
        with self.changed:
            self.ended = True
            self.changed.notify()
