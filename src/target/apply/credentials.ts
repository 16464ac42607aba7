// Who a thread is: set by itself, last of all it does, and in an order in which no step takes away the right to the next.
import type { Credentials } from '../../images/credentials.ts';
import type { Program } from '../../kernel/program.ts';

const prCapbsetDrop = 24;
const prSetSecurebits = 28;
const prSetNoNewPrivs = 38;
const prCapAmbient = 47;
const ambientRaise = 2;
/** SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP: changes of user ID leave the capabilities alone. */
const keepCapabilities = 0x10 | 0x4;
const capabilityVersion3 = 0x2008_0522;
const lastCapability = 63;
const low = 0xffff_ffffn;

/** Capability sets that the shell has: the receiving agent's. Nobody can hand on more. */
export interface OwnCapabilities {
  readonly permitted: bigint;
  readonly bounding: bigint;
  /** Supplementary groups are not to be set: they are right already, and in a user namespace nobody may (setgroups "deny"). */
  readonly keepsGroups?: boolean;
}

export function setCredentials(program: Program, wanted: Credentials, own: OwnCapabilities): void {
  const [ruid, euid, suid, fsuid] = wanted.uid;
  const [rgid, egid, sgid, fsgid] = wanted.gid;
  const permitted = wanted.permitted & own.permitted;
  const inheritable = wanted.inheritable & own.bounding;
  const groups = program.bytes(new Uint8Array(Uint32Array.from(wanted.groups).buffer));
  if (own.keepsGroups !== true) program.call('setgroups', wanted.groups.length, groups);
  program.call('prctl', prSetSecurebits, keepCapabilities, 0, 0, 0);
  program.call('setresgid', rgid, egid, sgid);
  if (fsgid !== egid) program.call('setfsgid', fsgid);
  program.call('setresuid', ruid, euid, suid);
  if (fsuid !== euid) program.call('setfsuid', fsuid);
  // The inheritable set may hold what the bounding set lacks, but only if it was there before.
  setCapabilities(program, own.permitted, own.permitted, inheritable);
  for (const capability of members(wanted.ambient & permitted & inheritable)) {
    program.call('prctl', prCapAmbient, ambientRaise, capability, 0, 0);
  }
  for (const capability of members(own.bounding & ~wanted.bounding)) {
    program.call('prctl', prCapbsetDrop, capability, 0, 0, 0);
  }
  program.call('prctl', prSetSecurebits, wanted.securebits, 0, 0, 0);
  setCapabilities(program, permitted, wanted.effective & permitted, inheritable);
  if (wanted.noNewPrivs) program.call('prctl', prSetNoNewPrivs, 1, 0, 0, 0);
}

/** capset(2): two triples of 32-bit words, effective, permitted, inheritable. */
function setCapabilities(program: Program, permitted: bigint, effective: bigint, inheritable: bigint): void {
  const sets = [effective, permitted, inheritable];
  const words = [...sets.map((set) => Number(set & low)), ...sets.map((set) => Number(set >> 32n))];
  const header = program.words(capabilityVersion3);
  program.call('capset', header, program.bytes(new Uint8Array(Uint32Array.from(words).buffer)));
}

function* members(set: bigint): Generator<number> {
  for (let capability = 0; capability <= lastCapability; capability++) {
    if ((set & (1n << BigInt(capability))) !== 0n) yield capability;
  }
}
