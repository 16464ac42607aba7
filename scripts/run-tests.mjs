// Runs test files, each in a process group of its own, and sums up what their TAP says. Not the tap runner: that costs
// 2.2 CPU-seconds a file, `node --import tsx` 1.1 (measured on Node 20).
import { spawn } from 'node:child_process';
import { countTap } from './tap-count.mjs';
import { filesBelow, root } from './native-files.mjs';

/** Folders of test/, in this order. Those that make hosts, load the machine or kill agents run alone. */
export const stages = [
  { name: 'unit', jobs: 2 },
  { name: 'native', jobs: 1 },
  { name: 'compliance', jobs: 1 },
  { name: 'interop', jobs: 1 },
  { name: 'migration', jobs: 1 },
  { name: 'conformance', jobs: 1 },
  { name: 'programs', jobs: 1 },
  { name: 'faults', jobs: 1 },
  { name: 'vm', jobs: 1 },
];

export const filesOf = (stage) => filesBelow(`test/${stage}`, ['.test.ts']);

// A sanitizer's runtime has to be loaded before Node, but not before the programs that a test starts.
/** Their flights are rehearsed once (test/helpers/host.ts). */
const quickStages = /test\/(conformance|faults)\//;
const preload = process.env.GODWIT_PRELOAD;
const preloadNodes = new URL('./preload-nodes.mjs', import.meta.url).href;

const running = new Set();
function killRunning(signal) {
  for (const child of running) killGroup(child, signal);
}
function killGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // the group is gone already
  }
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    killRunning('SIGTERM');
    setTimeout(() => {
      killRunning('SIGKILL');
      process.exit(130);
    }, 3000);
  });
}

/** One file. Never rejects: whatever goes wrong is a failure in the result. */
function runFile(file, limitMs) {
  const began = performance.now();
  const { parser, result } = countTap();
  const imports = preload === undefined ? ['tsx'] : [preloadNodes, 'tsx'];
  const child = spawn(process.execPath, [...imports.flatMap((name) => ['--import', name]), file], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...(quickStages.test(file) ? { GODWIT_TEST_QUICK: '1' } : {}),
      TAP_TIMEOUT: String(Math.ceil(limitMs / 1000)),
      ...(preload === undefined ? {} : { LD_PRELOAD: preload }),
    },
  });
  running.add(child);
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr = (stderr + chunk).slice(-8000)));
  let overdue = false;
  const soft = setTimeout(() => {
    overdue = true;
    killGroup(child, 'SIGTERM');
  }, limitMs);
  const hard = setTimeout(() => killGroup(child, 'SIGKILL'), limitMs + 5000);
  return new Promise((resolve) => {
    let parsed = false;
    let ended;
    const finish = () => {
      if (!parsed || ended === undefined) return;
      clearTimeout(soft);
      clearTimeout(hard);
      killGroup(child, 'SIGKILL'); // what the test started and forgot
      running.delete(child);
      child.stdout.destroy(); // a daemon that the test forgot may hold the other end
      child.stderr.destroy();
      // tap ends the file by itself when no test is under way, and says only here that later tests were not run.
      if (/after (parent )?test ends|test after end/i.test(stderr))
        ended = 'awaits between its tests: some were not run';
      const why = overdue ? `took longer than ${Math.round(limitMs / 1000)} s` : ended;
      if (overdue || (why !== 'ended with 0' && result.failed === 0)) {
        result.failed += 1;
        result.failures.push({ path: [`the file ${why}`], diag: undefined });
      }
      resolve({ file, ...result, stderr, seconds: (performance.now() - began) / 1000 });
    };
    // A daemon that inherited the pipes may keep them open: after the exit they get a second to drain.
    const end = () => {
      parsed = true;
      finish();
    };
    parser.on('complete', end);
    child.stdout.pipe(parser);
    child.on('error', (error) => (ended = `did not start: ${error.message}`));
    child.on('exit', (code, signal) => {
      ended = signal === null ? `ended with ${code}` : `ended by ${signal}`;
      setTimeout(end, 1000).unref();
      finish();
    });
  });
}

function print(result) {
  const { file, passed, failed, skipped, seconds } = result;
  const counts = [`${passed} passed`, failed > 0 && `${failed} FAILED`, skipped > 0 && `${skipped} skipped`];
  const mark = failed > 0 ? 'FAIL' : passed > 0 ? 'ok  ' : 'skip';
  console.log(`${mark} ${file.padEnd(52)} ${counts.filter(Boolean).join(', ')} (${seconds.toFixed(1)} s)`);
  for (const { path, reason } of result.skips) console.log(`       skipped: ${path.join(' > ')}: ${reason}`);
  for (const { path, diag } of result.failures) {
    console.log(`       FAILED: ${path.join(' > ')}`);
    if (diag !== undefined)
      console.log(JSON.stringify(diag, undefined, 2).slice(0, 3000).replace(/^/gm, '         '));
  }
  if (failed > 0 && result.stderr !== '') console.log(result.stderr.trimEnd().replace(/^/gm, '       | '));
}

/** The whole conformance suite in one host pair may take its stage's twelve minutes. */
const longFiles = new Map([['test/conformance/host.test.ts', 715_000]]);

/** Runs `files`, `jobs` at a time. What does not fit into `limitMs` counts as failed. */
export async function runFiles(files, { jobs, limitMs = Infinity, fileLimitMs = 600_000 }) {
  const deadline = performance.now() + limitMs;
  const queue = [...files];
  const results = [];
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const left = Math.min(longFiles.get(file) ?? fileLimitMs, deadline - performance.now());
      const late = { path: ['not run: the stage is over its time'], diag: undefined };
      const result =
        left > 1000
          ? await runFile(file, left)
          : { file, passed: 0, failed: 1, skipped: 0, failures: [late], skips: [], stderr: '', seconds: 0 };
      print(result);
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return results;
}

/** The sums of some files' results. */
export function sumOf(results) {
  const sum = { passed: 0, failed: 0, skipped: 0, seconds: 0 };
  for (const result of results) for (const key of Object.keys(sum)) sum[key] += result[key];
  return sum;
}

/** The list that people look at first: every failed claim, once, at the end. */
export function printFailures(results) {
  const lines = results.flatMap(({ file, failures }) =>
    failures.map(({ path }) => `  ${file}: ${path.join(' > ')}`),
  );
  if (lines.length > 0) console.log(`\nfailed:\n${lines.join('\n')}`);
}
