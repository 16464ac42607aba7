// Every kind of open file that the source reads. A kind without a driver does not compile.
import type { ResourceKind } from '../../images/resources/registry.ts';
import { device } from './device.ts';
import { directory } from './directory.ts';
import type { SourceDriver } from './driver.ts';
import { epoll } from './epoll.ts';
import { eventfd } from './eventfd.ts';
import { fanotify } from './fanotify.ts';
import { inherited } from './inherited.ts';
import { inotify } from './inotify.ts';
import { link } from './link.ts';
import { memfd } from './memfd.ts';
import { mqueue } from './mqueue.ts';
import { nameless } from './nameless.ts';
import { netlink } from './netlink.ts';
import { pidfd } from './pidfd.ts';
import { pipe } from './pipe.ts';
import { raw } from './raw.ts';
import { regular } from './regular.ts';
import type { SeenFile } from './seen-file.ts';
import { signalfd } from './signalfd.ts';
import { tcp } from './tcp.ts';
import type { Thief } from './thief.ts';
import { terminal } from './terminal.ts';
import { timerfd } from './timerfd.ts';
import { udp } from './udp.ts';
import { unix } from './unix.ts';

export const sourceDrivers: { readonly [K in ResourceKind]: SourceDriver<K> } = {
  device,
  directory,
  epoll,
  eventfd,
  fanotify,
  inherited,
  inotify,
  link,
  memfd,
  mqueue,
  nameless,
  netlink,
  pidfd,
  pipe,
  raw,
  regular,
  signalfd,
  tcp,
  terminal,
  timerfd,
  udp,
  unix,
};

/** The driver of an open file, the first that matches: a message queue is a regular file to stat(2). Undefined: no kind that Godwit carries. */
export function driverOf(file: SeenFile, thief: Thief): SourceDriver<ResourceKind> | undefined {
  return Object.values<SourceDriver<ResourceKind>>(sourceDrivers).find((driver) =>
    driver.matches(file, thief),
  );
}
