// The probes of `godwit check` on this very kernel: what they say, that they leave nothing, and what it comes to.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { cgroup2Base, removeCgroupDir } from '../../../src/kernel/cgroup2.ts';
import { sweepProbes } from '../../../src/kernel/probes/freezer.ts';
import { probeAll, verdict } from '../../../src/kernel/probes/probe-all.ts';
import type { ProbeReport } from '../../../src/kernel/probes/report.ts';
import { isSwitchedOff } from '../../../src/kernel/probes/without.ts';
import { listFds } from '../../../src/kernel/proc/fd.ts';
import { readChildren } from '../../../src/kernel/proc/children.ts';
import { readMaps } from '../../../src/kernel/proc/maps.ts';
import { native } from '../../../src/native.ts';
import { nativeProbeNames } from '../../../src/native-probe.ts';
import { until } from '../../helpers/commands.ts';

const isRoot = process.geteuid?.() === 0;

t.test('every facility is tried once, under a name of its own', async (t) => {
  const reports = await probeAll();
  const names = reports.map(({ name }) => name);
  t.equal(new Set(names).size, names.length);
  for (const name of nativeProbeNames) t.ok(names.includes(name), name);
  for (const { name, result, detail, cost, what } of reports) {
    t.ok(what !== '' && cost !== '', `${name} says what it is and what it costs`);
    if (result === 'missing') t.not(detail, '', `${name} says why it is missing`);
  }
  t.same(await probeAll(), reports, 'the second time it is remembered');
});

t.test(
  'what does not depend on the kernel’s build works here',
  { skip: !isRoot && 'needs root' },
  async (t) => {
    const results = new Map(
      (await probeAll()).map(({ name, result, detail }) => [name, `${result} ${detail}`]),
    );
    const [major = 0, minor = 0] = readFileSync('/proc/sys/kernel/osrelease', 'latin1')
      .split('.')
      .map(Number);
    const since = (...version: [number, number]): boolean =>
      major > version[0] || (major === version[0] && minor >= version[1]);
    const expected = [
      'process-vm',
      'pidfd-getfd',
      'clone3-set-tid',
      'ptrace-seize',
      'set-mm-map',
      'new-pid-namespace',
    ];
    if (since(6, 9)) expected.push('tcp-peek-off');
    if (since(6, 11)) expected.push('procmap-query');
    if (since(6, 13)) expected.push('guard-regions');
    if (since(6, 16)) expected.push('timer-restore-ids');
    for (const name of expected) t.match(results.get(name), /^ok/, name);
  },
);

t.test(
  'a frozen child of an agent that was killed in a probe is ended with its cgroup',
  { skip: !isRoot && 'needs root' },
  async (t) => {
    const dead = spawn('true');
    await once(dead, 'exit');
    const left = join(cgroup2Base(), `godwit-probe-${dead.pid ?? 0}-0123456789ab`);
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    mkdirSync(left);
    writeFileSync(join(left, 'cgroup.procs'), String(child.pid));
    writeFileSync(join(left, 'cgroup.freeze'), '1');
    t.teardown(() => {
      child.kill('SIGKILL');
      removeCgroupDir(left, 2000);
    });
    sweepProbes();
    t.ok(existsSync(left), 'not while another agent may be at it');
    const ended = once(child, 'exit');
    await until('it is swept', () => {
      sweepProbes();
      return !existsSync(left);
    });
    t.same((await ended)[1], 'SIGKILL');
  },
);

t.test('probes leave no process, descriptor, mapping or cgroup behind', (t) => {
  const children = (): number[] | undefined => readChildren(process.pid);
  const fds = (): number | undefined => listFds('self')?.length;
  const vdso = (): string | undefined =>
    JSON.stringify(readMaps('self')?.filter(({ special }) => special?.startsWith('v')));
  const before = [children(), fds(), vdso()];
  for (let i = 0; i < 3; i++) for (const name of nativeProbeNames) native.probe(name);
  t.same([children(), fds(), vdso()], before);
  t.notOk(readdirSync(cgroup2Base()).some((name) => name.startsWith(`godwit-probe-${process.pid}`)));
  t.equal(native.probe('no-such-probe' as 'kcmp'), -22);
  t.ok(native.probeFreezer('/nowhere/at/all') < 0);
  t.end();
});

t.test('GODWIT_WITHOUT switches off what is there', async (t) => {
  t.ok(isSwitchedOff('b', { GODWIT_WITHOUT: 'a, b' }));
  t.notOk(isSwitchedOff('b', { GODWIT_WITHOUT: 'a,bb' }));
  t.notOk(isSwitchedOff('b', {}));
  t.teardown(() => delete process.env['GODWIT_WITHOUT']);
  process.env['GODWIT_WITHOUT'] = 'kcmp,pagemap-scan,soft-dirty';
  const reports = await probeAll();
  const kcmp = reports.find(({ name }) => name === 'kcmp');
  t.match(kcmp, { result: 'missing', detail: /GODWIT_WITHOUT/ });
  t.match(verdict(reports), { ok: false, text: /kcmp \(switched off by GODWIT_WITHOUT\)/ });
});

function report(name: string, requiredFor: ProbeReport['requiredFor'], detail?: string): ProbeReport {
  return {
    name,
    what: name,
    result: detail === undefined ? 'ok' : 'missing',
    detail: detail ?? '',
    requiredFor,
    cost: '-',
  };
}

t.test('the verdict is good when only optional things are missing', (t) => {
  t.same(verdict([report('a', 'migration'), report('b', 'optional', 'EPERM')]), {
    ok: true,
    text: 'Looks good.',
  });
  t.same(
    verdict([report('pagemap-scan', 'optional'), report('soft-dirty', 'optional', 'ENODATA')]).text,
    'Looks good.',
  );
  const slow = verdict([
    report('pagemap-scan', 'optional', 'ENOTTY'),
    report('soft-dirty', 'optional', 'ENODATA'),
  ]);
  t.match(slow, { ok: true, text: /slow/ });
  const old = verdict([report('pagemap-scan', 'optional', 'ENOTTY'), report('soft-dirty', 'optional')]);
  t.equal(old.text, 'Looks good.', 'Linux 6.1 has soft-dirty bits');
  t.end();
});

t.test('the verdict names what is missing, and rights that would help', (t) => {
  const bad = verdict([report('kcmp', 'migration', 'ENOSYS'), report('map-files', 'migration', 'EPERM')]);
  t.match(bad, { ok: false, text: 'kcmp (ENOSYS), map-files (EPERM). Run it as root.' });
  t.notMatch(verdict([report('kcmp', 'migration', 'ENOSYS')]).text, /root/);
  t.end();
});

t.test('who cannot choose PIDs on this host may do it in a namespace of its own', (t) => {
  const noPids = report('clone3-set-tid', 'migration', 'EPERM');
  t.match(verdict([noPids, report('new-user-namespace', 'optional')]), {
    ok: true,
    text: 'Looks good, for trees of this user: they arrive in namespaces of their own.',
  });
  t.match(verdict([noPids, report('new-user-namespace', 'optional', 'ENOSPC')]), {
    ok: false,
    text: 'clone3-set-tid (EPERM). Run it as root.',
  });
  t.end();
});

t.test(
  'without rights the probes say so instead of failing',
  { skip: !isRoot && 'needs root to give rights up' },
  (t) => {
    const script = `
    import { probeAll, verdict } from ${JSON.stringify(new URL('../../../src/kernel/probes/probe-all.ts', import.meta.url).href)};
    process.setgroups([]); process.setgid(65534); process.setuid(65534);
    const reports = await probeAll();
    console.log(JSON.stringify({ missing: reports.filter(({ result }) => result === 'missing').map(({ name }) => name), ...verdict(reports) }));`;
    const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    t.equal(run.status, 0, run.stderr);
    const { ok, text, missing } = JSON.parse(run.stdout) as { ok: boolean; text: string; missing: string[] };
    t.equal(ok, false);
    t.match(text, /Run it as root/);
    for (const name of [
      'page-frames',
      'map-files',
      'clone3-set-tid',
      'change-user',
      'tcp-repair',
      'cgroup-v2-freezer',
    ]) {
      t.ok(missing.includes(name), name);
    }
    t.end();
  },
);
