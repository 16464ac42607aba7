// Netlink sockets of the agent's: addresses and groups (netlink(7)).
//
//   struct sockaddr_nl:  | family u16 | 0 u16 | nl_pid u32 | nl_groups u32 |
import { readFileSync } from 'node:fs';
import { runLocal } from './local-program.ts';
import { isError, Program } from './program.ts';
import { solNetlink } from './socket-options.ts';
import { ask } from './socket-questions.ts';

export const afNetlink = 16;
export const netlinkGeneric = 16;
const addMembership = 1;
const listMemberships = 9; // Linux 4.2
/** 4,096 groups. */
const membershipBytes = 512;

export interface NetlinkAddress {
  readonly port: number;
  /** The first 32, as bits. */
  readonly groups: number;
}

export function netlinkAddress(sockaddr: Uint8Array): NetlinkAddress {
  const view = new DataView(sockaddr.buffer, sockaddr.byteOffset, sockaddr.length);
  return sockaddr.length < 12
    ? { port: 0, groups: 0 }
    : { port: view.getUint32(4, true), groups: view.getUint32(8, true) };
}

export function netlinkSockaddr({ port, groups }: NetlinkAddress): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint16(0, afNetlink, true);
  view.setUint32(4, port, true);
  view.setUint32(8, groups, true);
  return new Uint8Array(view.buffer);
}

/** Numbers of the groups that a socket hears, from 1. */
export function netlinkGroups(fd: number): number[] {
  const program = new Program();
  const { result, value, length } = ask(program, fd, solNetlink, listMemberships, membershipBytes);
  const outcome = runLocal(program);
  if (isError(outcome.result(result))) return [];
  const bits = outcome.bytes(value).subarray(0, outcome.view(length).getUint32(0, true));
  return [...bits].flatMap((byte, at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) => (((byte >> bit) & 1) === 1 ? [8 * at + bit + 1] : [])),
  );
}

/** Makes a socket hear a group. 0 or a negative errno. */
export function joinNetlinkGroup(fd: number, group: number): number {
  const program = new Program();
  const value = program.bytes(new Uint8Array(Uint32Array.of(group).buffer));
  const result = program.attempt('setsockopt', fd, solNetlink, addMembership, value, 4);
  return runLocal(program).number(result);
}

/** Something waits to be read in the socket, or the kernel has begun an answer that it goes on with as it is read (/proc/net/netlink). */
export function isNetlinkBusy(inode: number): boolean {
  const line = readFileSync('/proc/net/netlink', 'utf8')
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find((fields) => fields[9] === String(inode));
  // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
  return line !== undefined && (Number(line[4]) > 0 || Number(line[6]) > 0);
}
