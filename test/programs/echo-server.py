# Says what it hears, to as many as come (asyncio). Prints "ready", then nothing but errors.
import asyncio
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
    server = await asyncio.start_server(echo, "0.0.0.0", port, backlog=500)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
