// Every kind of open file that Godwit carries. A kind without its driver in source/ and in target/ does not compile:
// both registries are typed { [K in ResourceKind]: ... }.
import * as z from 'zod';
import { deviceSchema } from './device.ts';
import { directorySchema } from './directory.ts';
import { epollSchema } from './epoll.ts';
import { eventfdSchema } from './eventfd.ts';
import { fanotifySchema } from './fanotify.ts';
import { inheritedSchema } from './inherited.ts';
import { inotifySchema } from './inotify.ts';
import { linkSchema } from './link.ts';
import { memfdSchema } from './memfd.ts';
import { mqueueSchema } from './mqueue.ts';
import { namelessSchema } from './nameless.ts';
import { netlinkSchema } from './netlink.ts';
import { pidfdSchema } from './pidfd.ts';
import { pipeSchema } from './pipe.ts';
import { rawSchema } from './raw.ts';
import { regularSchema } from './regular.ts';
import { signalfdSchema } from './signalfd.ts';
import { tcpSchema } from './tcp.ts';
import { terminalSchema } from './terminal.ts';
import { timerfdSchema } from './timerfd.ts';
import { udpSchema } from './udp.ts';
import { unixSchema } from './unix.ts';

export const resourceSchemas = {
  device: deviceSchema,
  directory: directorySchema,
  epoll: epollSchema,
  eventfd: eventfdSchema,
  fanotify: fanotifySchema,
  inherited: inheritedSchema,
  inotify: inotifySchema,
  link: linkSchema,
  memfd: memfdSchema,
  mqueue: mqueueSchema,
  nameless: namelessSchema,
  netlink: netlinkSchema,
  pidfd: pidfdSchema,
  pipe: pipeSchema,
  raw: rawSchema,
  regular: regularSchema,
  signalfd: signalfdSchema,
  tcp: tcpSchema,
  terminal: terminalSchema,
  timerfd: timerfdSchema,
  udp: udpSchema,
  unix: unixSchema,
} as const;

export type ResourceKind = keyof typeof resourceSchemas;
export type ResourceImage<K extends ResourceKind> = z.infer<(typeof resourceSchemas)[K]>;
export const resourceImageSchema = z.discriminatedUnion('kind', [
  deviceSchema,
  directorySchema,
  epollSchema,
  eventfdSchema,
  fanotifySchema,
  inheritedSchema,
  inotifySchema,
  linkSchema,
  memfdSchema,
  mqueueSchema,
  namelessSchema,
  netlinkSchema,
  pidfdSchema,
  pipeSchema,
  rawSchema,
  regularSchema,
  signalfdSchema,
  tcpSchema,
  terminalSchema,
  timerfdSchema,
  udpSchema,
  unixSchema,
]);
export type AnyResourceImage = z.infer<typeof resourceImageSchema>;
