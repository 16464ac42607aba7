// The kernel of Debian's backports: it has both trackers of writes.
import { testKernel } from './same-kernel.ts';

await testKernel({
  kernel: '6.12',
  auto: 'pagemap-scan',
  returns: false,
  threads: false,
  hugePages: false,
  keys: true,
  trackers: ['soft-dirty', 'pagemap-scan'],
  features: {
    'soft-dirty': 'ok',
    'protection-keys': 'ok',
    'pagemap-scan': 'ok',
    'userfaultfd-wp-async': 'ok',
    'procmap-query': 'ok',
    'timer-restore-ids': 'missing',
  },
});
