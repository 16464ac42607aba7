// Debian's stable kernel: soft-dirty bits, and nothing that is newer than 6.1.
import { testKernel } from './same-kernel.ts';

await testKernel({
  kernel: '6.1',
  auto: 'soft-dirty',
  returns: true,
  threads: true,
  hugePages: true,
  keys: false,
  // On both machines: it is tried nowhere else; compare, which every kernel has, is tried without machines.
  trackers: ['soft-dirty', 'soft-dirty'],
  features: {
    'soft-dirty': 'ok',
    'protection-keys': 'ok',
    'pagemap-scan': 'missing',
    'userfaultfd-wp-async': 'missing',
    'procmap-query': 'missing',
    'guard-regions': 'missing',
    'timer-restore-ids': 'missing',
  },
});
