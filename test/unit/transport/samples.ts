// Small valid messages, as both sides would send them.
import type { SourceMessage, TargetMessage } from '../../../src/transport/messages.ts';

export const identity = { bootId: 'b0071d', kernel: { release: '6.18.44', machine: 'x86_64' } };

export const hello: Extract<SourceMessage, { type: 'hello' }> = {
  type: 'hello',
  magic: 'godwit',
  version: 1,
  ...identity,
  migrationId: 'm1',
  purpose: 'migrate',
  plaintext: false,
};

export const welcome: TargetMessage = { type: 'welcome', version: 1, ...identity, migrationId: 'm1' };

const layout = { root: 7, owners: [], processes: [], spaces: [], files: [], objects: [] };
export const stage: SourceMessage = {
  type: 'stage',
  layout,
  clocks: { monotonic: 1n, boottime: 2n ** 62n, realtime: -5n },
};
const queue = {
  ...{ id: 3, key: 0, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0o600, room: 16_384, sender: 2, receiver: 0 },
  messages: [{ type: 7n, text: Uint8Array.of(1, 2, 3) }],
};
const semaphores = {
  ...{ id: 4, key: 9, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0o600 },
  semaphores: [{ value: 3, last: 2 }],
  undo: [{ pid: 2, number: 0, adjust: -5 }],
};
export const final: SourceMessage = {
  type: 'final',
  lastSequence: 9,
  layout: { root: 7, owners: [], spaces: [] },
  state: {
    processes: [],
    openFiles: [],
    queues: [queue],
    semaphores: [semaphores],
    stale: [],
    missing: [{ space: 7, runs: new Uint8Array(Float64Array.of(4096, 8192).buffer) }],
    guards: [],
    sealed: [],
    readAt: 12n,
    tcpClose: false,
    addresses: [],
  },
};
export const check: SourceMessage = {
  type: 'check',
  requirements: {
    bootId: 'b',
    kernelRelease: '6.18',
    machine: 'x86_64',
    cpuFlags: ['sse2'],
    xstateSize: 2696,
    protectionKeys: true,
    pids: [7],
    files: [],
    directories: ['/'],
    places: [],
    elsewhere: [],
    inherited: [],
    addresses: [],
    forwarding: { hosts: [Uint8Array.of(10, 0, 0, 5), new Uint8Array(16)], mtu: 1500 },
    rawSockets: false,
    connections: false,
    interfaces: ['eth0'],
    terminals: [],
    messageQueues: [{ name: '/q', unlinked: false, maxMessages: 10, messageSize: 8192, uid: 0 }],
    fanotify: [],
    ports: [{ family: 2, type: 1, address: new Uint8Array([2, 0, 0x1b, 0x9e]), text: '0.0.0.0:7070' }],
    postCopy: true,
    memory: 4096,
    uids: [0],
    cgroupFreezer: true,
    hardLimits: [{ resource: 7, hard: 2n ** 64n - 1n }],
    sysv: [{ kind: 'shm', id: 5, key: -1, owners: [0] }],
    sharedAnonymous: false,
    sealed: false,
    hugePages: [],
    gids: [0],
    groups: [],
    seccomp: false,
    capabilities: false,
    pidNamespace: 'auto',
  },
};
