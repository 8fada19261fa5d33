"""A client of a broker, in Python over aiomsg: it subscribes, publishes, serves and calls."""

import asyncio
import os
import ssl
import sys
import uuid

from aiomsg import Søcket


class Bus:
    def __init__(self, socket):
        self.socket, self.waiting, self.services, self.events = socket, {}, {}, asyncio.Queue()
        self.lasting = []

    async def say(self, line, body=b""):
        await self.socket.send(line.encode() + b"\n\n" + body)

    async def ask(self, verb, rest, body=b"", handler=None):
        id = uuid.uuid4().hex
        self.services[id] = handler
        answer = self.waiting[id] = asyncio.get_running_loop().create_future()
        if verb in ("hello", "sub", "serve"):
            self.lasting.append(f"{verb} {id} {rest}")
        await self.say(f"{verb} {id} {rest}", body)
        return await answer

    async def listen(self):
        async for message in self.socket.messages():
            head, _, body = message.partition(b"\n\n")
            verb, id, *words = head.split(b"\n")[0].decode().split(" ")
            if verb == "welcome":
                # The socket has dialled again by itself: the broker knows nothing of us.
                for line in self.lasting:
                    await self.say(line)
            elif verb == "event":
                await self.events.put((words[0], body))
            elif verb == "run":
                await self.say(f"done {id}", self.services[words[0]](body))
            elif verb == "probe":
                await self.say(f"done {id}")
            elif verb == "error":
                self.waiting.pop(id).set_exception(Exception(" ".join(words)))
            elif id in self.waiting:
                self.waiting.pop(id).set_result(body)


def tls():
    """What `ssl_context` of aiomsg takes; None where no certificates are named."""
    certificates = os.environ.get("JACKFIELD_CERTIFICATES")
    authority = certificates and os.path.join(certificates, "authority.pem")
    return ssl.create_default_context(cafile=authority) if authority else None


async def main(port):
    socket = Søcket()
    await socket.connect("127.0.0.1", port, ssl_context=tls())
    bus = Bus(socket)
    listening = asyncio.create_task(bus.listen())
    await bus.ask("hello", "python")
    await bus.ask("sub", "to/python/*")
    await bus.ask("serve", "python/upper", handler=bytes.upper)
    await bus.say(f"pub {uuid.uuid4().hex} from/python", b"ready")
    topic, body = await bus.events.get()
    answer = await bus.ask("call", "rust/echo 5000", topic.encode() + b" " + body)
    await bus.say(f"pub {uuid.uuid4().hex} from/python", answer)
    await listening


asyncio.run(main(int(sys.argv[1])))
