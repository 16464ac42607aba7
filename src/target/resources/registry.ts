// Every kind of open file that the target makes. A kind without a driver does not compile.
import type { ResourceKind } from '../../images/resources/registry.ts';
import { device } from './device.ts';
import { directory } from './directory.ts';
import type { TargetDriver } from './driver.ts';
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
import { signalfd } from './signalfd.ts';
import { tcp } from './tcp.ts';
import { terminal } from './terminal.ts';
import { timerfd } from './timerfd.ts';
import { udp } from './udp.ts';
import { unix } from './unix.ts';

export const targetDrivers: { readonly [K in ResourceKind]: TargetDriver<K> } = {
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

/** The driver for an image of any kind: the registry's type pairs them. */
export function targetDriverOf<K extends ResourceKind>(kind: K): TargetDriver<K> {
  return targetDrivers[kind];
}
