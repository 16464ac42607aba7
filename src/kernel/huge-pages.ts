// Memory of reserved huge pages (hugetlbfs, Documentation/admin-guide/mm/hugetlbpage.rst). What has no name lies on mounts of the
// kernel's own, one for each size of page: whoever sees the device number of a mapping knows what it is made of.
import { closeSync, fstatSync, readdirSync, readFileSync } from 'node:fs';
import { deviceParts } from './device-number.ts';
import { runLocal } from './local-program.ts';
import { Program } from './program.ts';
import type { Vma } from './proc/maps.ts';

const memfdCloexec = 1;
const memfdHugetlb = 4;
/** MFD_HUGE_SHIFT, MAP_HUGE_SHIFT, SHM_HUGE_SHIFT: where flags hold the binary logarithm of the size. */
const sizeShift = 26;
const sysfs = '/sys/kernel/mm/hugepages';
/** As maps shows memory of mmap(2) with MAP_HUGETLB, shared or not. */
const anonymousName = '/anon_hugepage';

/** The part of the flags of mmap, memfd_create and shmget that says which size of page. Bytes. */
export function hugeSizeFlag(size: number): number {
  return Math.log2(size) << sizeShift;
}

export interface HugePagePool {
  /** Bytes of one page. */
  readonly size: number;
  /** Pages that nobody has, nor was promised; those that the kernel may add are among them (vm.nr_overcommit_hugepages). */
  readonly available: number;
}

/** Of each size that this kernel knows. */
export function hugePagePools(): HugePagePool[] {
  return hugePageSizes().map((size) => {
    const read = (name: string): number => readCount(size, name);
    const more = Math.max(0, read('nr_overcommit_hugepages') - read('surplus_hugepages'));
    return { size, available: read('free_hugepages') - read('resv_hugepages') + more };
  });
}

let known: ReadonlyMap<number, number> | undefined;

/** Bytes of the pages that a mapping is made of, where they are reserved huge pages and no file system has a name for it. */
export function hugePageOf({ devMajor, devMinor }: Device): number | undefined {
  known ??= new Map(hugePageSizes().flatMap(deviceOf));
  return known.get(keyOf(devMajor, devMinor));
}

type Device = Pick<Vma, 'devMajor' | 'devMinor'>;

function keyOf(major: number, minor: number): number {
  return major * 2 ** 20 + minor;
}

/** The same of a file. */
export function hugePageOfStat({ dev }: { readonly dev: bigint }): number | undefined {
  const { major, minor } = deviceParts(dev);
  return hugePageOf({ devMajor: major, devMinor: minor });
}

/** MAP_ANONYMOUS | MAP_HUGETLB. */
export function isAnonymousHuge(vma: Pick<Vma, 'deleted' | 'path' | 'devMajor' | 'devMinor'>): boolean {
  return vma.deleted && vma.path === anonymousName && hugePageOf(vma) !== undefined;
}

function hugePageSizes(): number[] {
  try {
    return readdirSync(sysfs).flatMap((name) => {
      const kibibytes = /^hugepages-(\d+)kB$/.exec(name)?.[1];
      return kibibytes === undefined ? [] : [Number(kibibytes) * 1024];
    });
  } catch {
    return []; // a kernel without them, or no sysfs: then nobody can see to the reserves either
  }
}

function readCount(size: number, name: string): number {
  const count = BigInt(readFileSync(`${sysfs}/hugepages-${size / 1024}kB/${name}`, 'latin1').trim());
  // The kernel has been seen to count one reservation too few (Linux 6.18, private memory shared with a child), and to show 2^64 - 1.
  return Math.max(0, Number(BigInt.asIntN(64, count)));
}

/** An empty memfd takes no page. */
function deviceOf(size: number): [device: number, size: number][] {
  const program = new Program();
  const flags = memfdCloexec | memfdHugetlb | hugeSizeFlag(size);
  const made = program.attempt('memfd_create', program.cstring('godwit'), flags);
  const fd = runLocal(program).number(made);
  if (fd < 0) return [];
  const { major, minor } = deviceParts(fstatSync(fd, { bigint: true }).dev);
  closeSync(fd);
  return [[keyOf(major, minor), size]];
}
