// Memory, and limits that the tree has and this agent must be able to give.
import { readFileSync } from 'node:fs';
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { hugePagePools } from '../../kernel/huge-pages.ts';
import { readLimits, rlimInfinity } from '../../kernel/proc/limits.ts';
import { hasCapability } from '../../kernel/rights.ts';
import { blocker } from './blocker.ts';

const mebibyte = 1024 * 1024;

export function checkRoom(requirements: Requirements): Blocker[] {
  return [
    ...checkMemory(requirements),
    ...checkHugePages(requirements),
    ...checkLimits(requirements),
    ...checkPidMax(requirements),
  ];
}

function checkMemory({ memory }: Requirements): Blocker[] {
  const text = readFileSync('/proc/meminfo', 'latin1');
  const available = Number(/^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
  if (memory <= available) return [];
  const [needs, has] = [memory, available].map((bytes) => Math.ceil(bytes / mebibyte));
  return [
    blocker(
      'memory',
      `the tree uses ${needs} MiB, ${has} MiB are available here`,
      'free memory on this host',
    ),
  ];
}

function checkHugePages({ hugePages }: Requirements): Blocker[] {
  const pools = new Map(hugePagePools().map(({ size, available }) => [size, available]));
  return hugePages.flatMap(({ size, count }) => {
    const available = pools.get(size);
    const kibibytes = size / 1024;
    const object = `huge pages of ${kibibytes} KiB`;
    if (available === undefined)
      return [blocker(object, 'this host has none of that size', 'choose a target with the same sizes')];
    if (count <= available) return [];
    return [
      blocker(
        object,
        `the tree may need ${count} of them, ${available} are free here`,
        `reserve more: echo N > /sys/kernel/mm/hugepages/hugepages-${kibibytes}kB/nr_hugepages`,
      ),
    ];
  });
}

/** Raising a hard limit takes CAP_SYS_RESOURCE. */
function checkLimits({ hardLimits }: Requirements): Blocker[] {
  if (hasCapability('sysResource')) return [];
  const own = [...(readLimits('self') ?? new Map<string, never>())];
  return hardLimits.flatMap(({ resource, hard }) => {
    const [name = '', limit] = own.find(([, { resource: number }]) => number === resource) ?? [];
    if (limit === undefined || hard <= limit.hard) return [];
    return [
      blocker(
        `limit ${name}`,
        `the tree's hard limit is ${shown(hard)}, the one here is ${shown(limit.hard)}, and raising it needs CAP_SYS_RESOURCE`,
        `start receive with a higher one (ulimit -H, Limit${name.toUpperCase()}= of systemd)`,
      ),
    ];
  });
}

function checkPidMax({ pids }: Requirements): Blocker[] {
  const max = Number(readFileSync('/proc/sys/kernel/pid_max', 'latin1'));
  const highest = pids.reduce((a, b) => Math.max(a, b), 0);
  if (highest < max) return [];
  return [blocker(`ID ${highest}`, `this host gives IDs below ${max} only`, 'sysctl kernel.pid_max=4194304')];
}

function shown(limit: bigint): string {
  return limit === rlimInfinity ? 'unlimited' : String(limit);
}
