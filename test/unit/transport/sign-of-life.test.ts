// An agent that is kept from its event loop by long work must not look dead to its peer.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import { WebSocket } from 'ws';
import { pause } from '../../../src/kernel/pause.ts';
import { signOfLife } from '../../../src/sign-of-life.ts';
import { keepAlive } from '../../../src/transport/keep-alive.ts';

void t.test('signs of life leave at once while the event loop stands', async (t) => {
  const peer = fork(new URL('ping-peer.mjs', import.meta.url), { stdio: 'inherit' });
  t.teardown(() => peer.kill());
  const [port] = (await once(peer, 'message')) as [number];
  const ws = new WebSocket(`ws://127.0.0.1:${port}`);
  const [[{ socket }]] = (await Promise.all([once(ws, 'upgrade'), once(ws, 'open')])) as [
    [{ socket: Socket }],
    unknown,
  ];
  const stop = keepAlive(ws, socket, {
    deadAfterMs: 3_600_000,
    isFrozen: () => false,
    word: () => Buffer.alloc(0),
    onDead: () => {
      t.fail('nobody is dead');
    },
  });
  const began = Date.now();
  while (Date.now() < began + 2500) {
    pause(20);
    signOfLife();
  }
  const ended = Date.now();
  peer.send('times');
  const [times] = (await once(peer, 'message')) as [number[]];
  const within = times.filter((time) => time >= began && time < ended);
  t.ok(within.length >= 2, `${within.length} of ${times.length} came while it was busy`);
  t.ok(within.length <= 4, 'one a second');
  stop();
  pause(1100);
  signOfLife();
  peer.send('times');
  t.same((await once(peer, 'message'))[0], times, 'none after the end');
  ws.terminate();
});
