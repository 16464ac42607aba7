// Runs in a machine beside redis's: writes to it, follows it from address to address, and once /tmp/stop-writing is there reads every
// acknowledged write back. Arguments: addresses. Prints "writing", then one line of JSON.
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { WriterAnswer, WriterRequest } from '../programs/redis-writer.ts';

const writer = fork(fileURLToPath(new URL('../programs/redis-writer.js', import.meta.url)));
writer.once('exit', (code) => {
  process.exit(code ?? 1);
});

async function ask(request: WriterRequest): Promise<WriterAnswer> {
  return new Promise((resolve) => {
    writer.once('message', resolve);
    writer.send(request);
  });
}

const addresses = process.argv.slice(2).map((host) => ({ host, port: 6379 }));
await ask({ do: 'start', options: { addresses, connections: 2, valueBytes: 1000, keys: 500, pauseMs: 20 } });
console.log('writing');
while (!existsSync('/tmp/stop-writing')) await sleep(200);
const stopped = await ask({ do: 'stop' });
const verdict = await ask({ do: 'verify' });
console.log(JSON.stringify({ ...('stats' in stopped ? stopped.stats : {}), ...verdict }));
writer.removeAllListeners('exit');
writer.disconnect();
