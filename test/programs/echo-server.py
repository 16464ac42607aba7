# Says what it hears, to as many as come (asyncio). Prints "ready", then nothing but errors. With "mptcp" it listens as Go programs do:
# whoever comes without Multipath TCP gets a connection of plain TCP.
import asyncio
import socket
import sys


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
    except Exception as error:
        print("error", error, flush=True)


async def main(port):
    protocol = 262 if "mptcp" in sys.argv else 0  # IPPROTO_MPTCP
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    server = await asyncio.start_server(echo, sock=listener, backlog=500)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
