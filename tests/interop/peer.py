"""The other side of the interoperability tests: one aiomsg socket, steered as its flags say.

It takes the flags of examples/agent.rs and of the one in examples/tls, and sends each line of its standard input as a message
when its behavior is "lines". It ends when its standard input does, so that none is left behind.
"""

import argparse
import asyncio
import os
import ssl
import sys

from aiomsg import DeliveryGuarantee, SendMode, Søcket

MODES = {"publish": SendMode.PUBLISH, "roundrobin": SendMode.ROUNDROBIN}
GUARANTEES = {
    "at-most-once": DeliveryGuarantee.AT_MOST_ONCE,
    "at-least-once": DeliveryGuarantee.AT_LEAST_ONCE,
}


def tell(payload):
    sys.stdout.buffer.write(payload + b"\n")
    sys.stdout.buffer.flush()


async def source(socket, options):
    for number in range(options.count):
        await socket.send(f"{options.prefix}{number}".encode())


async def sink(socket, options):
    async for payload in socket.messages():
        tell(payload)


async def ask(socket, options):
    for number in range(options.count):
        await socket.send(f"{options.prefix}{number}".encode())
        tell(await socket.recv())


async def echo(socket, options):
    async for identity, payload in socket.identity_messages():
        await socket.send(payload, identity)


async def lines(socket, options):
    while line := await options.lines.get():
        await socket.send(line.rstrip(b"\n"))


def tls(options):
    """What `ssl_context` of aiomsg takes; None without TLS."""
    if options.tls != "true":
        return None
    binds = options.role == "bind"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if binds else ssl.PROTOCOL_TLS_CLIENT)
    if options.tls_cert:
        context.load_cert_chain(options.tls_cert, options.tls_key)
    authority = options.tls_client_ca if binds else options.tls_ca
    if authority:
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def read_lines(loop, queue):
    for line in sys.stdin.buffer:
        loop.call_soon_threadsafe(queue.put_nowait, line)
    os._exit(0)


async def main(options):
    options.lines = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, read_lines, loop, options.lines)
    socket = Søcket(
        send_mode=MODES[options.send_mode],
        delivery_guarantee=GUARANTEES[options.delivery],
        identity=bytes.fromhex(options.identity) if options.identity else None,
    )
    if options.role == "bind":
        await socket.bind(options.host, options.port, ssl_context=tls(options))
        port = socket.server.sockets[0].getsockname()[1]
        print(f"peer: bound tcp://{options.host}:{port}", file=sys.stderr, flush=True)
    else:
        await socket.connect(options.host, options.port, ssl_context=tls(options))
    await globals()[options.behavior](socket, options)
    await asyncio.Event().wait()


parser = argparse.ArgumentParser()
parser.add_argument("--role", choices=["bind", "connect"], required=True)
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--behavior", choices=["source", "sink", "ask", "echo", "lines"], required=True)
parser.add_argument("--send-mode", choices=MODES, default="roundrobin")
parser.add_argument("--delivery", choices=GUARANTEES, default="at-most-once")
parser.add_argument("--count", type=int, default=0)
parser.add_argument("--prefix", default="m")
parser.add_argument("--identity")
parser.add_argument("--tls", choices=["true", "false"], default="false")
parser.add_argument("--tls-cert")
parser.add_argument("--tls-key")
parser.add_argument("--tls-ca")
parser.add_argument("--tls-client-ca")
asyncio.run(main(parser.parse_args()))
