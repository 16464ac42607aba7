# A chain in one tree: a front that takes connections, a back that answers, and between them one connection for each client.
# Arguments: the port of the front.
import asyncio, os, socket, sys

back = socket.create_server(('127.0.0.1', 0))


async def relay(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve_back():
    async with await asyncio.start_server(relay, sock=back) as server:
        await server.serve_forever()


async def serve_front():
    async def answer(reader, writer):
        other_reader, other_writer = await asyncio.open_connection(*back.getsockname())
        await asyncio.gather(relay(reader, other_writer), relay(other_reader, writer))

    async with await asyncio.start_server(answer, port=int(sys.argv[1]), backlog=1000) as server:
        print('ready', flush=True)
        await server.serve_forever()


asyncio.run(serve_back() if os.fork() == 0 else serve_front())
