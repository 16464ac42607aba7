// `npm run campaign [-- name...] [--moves 200] [--kills 500] [--chaos 1000] [--soak 100 --streams 500] [--from-seed N]`: the long runs that
// are too long for `npm test`. Each program goes there and back until it has moved so often; `kills` ends agents at random instants;
// `chaos` moves trees that change all the time what is dumped; `soak` moves a server to and fro under streams whose every byte is
// checked. A line for each at its end; start it again with the names that are left to go on.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { root } from './native-files.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    moves: { type: 'string', default: '200' },
    kills: { type: 'string', default: '500' },
    chaos: { type: 'string', default: '1000' },
    soak: { type: 'string', default: '100' },
    streams: { type: 'string', default: '500' },
    'from-seed': { type: 'string' },
  },
});

const programs = {
  redis: ['test/programs/redis.test.ts'],
  nginx: ['test/programs/nginx.test.ts'],
  node: ['test/programs/interpreters.test.ts', 'node with'],
  python: ['test/programs/interpreters.test.ts', 'python3 with'],
  bash: ['test/programs/interpreters.test.ts', 'bash with'],
  threads: ['test/migration/there-and-back.test.ts'],
  shared: ['test/migration/there-and-back.test.ts'],
  'fork-storm': ['test/migration/there-and-back.test.ts'],
};
/** Runs with a seed: their file, the name of their number, and the lines worth telling. */
const seeded = {
  kills: [
    'test/faults/kill-agent.test.ts',
    'GODWIT_KILLS',
    /not ok|# (seed|\d+ of)|^ +- |undisturbed|slowest/,
  ],
  soak: ['test/programs/soak-tcp.test.ts', 'GODWIT_SOAK', /not ok|# (seed|move|\d+\.\d MB)|^ +- /],
  chaos: ['test/faults/chaos.test.ts', 'GODWIT_CHAOS', /not ok|# (seed|time)|^ +(ok 1 )?- /],
};
const known = [...Object.keys(programs), ...Object.keys(seeded)];
const names = positionals.length > 0 ? positionals : known;
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`no campaign is named ${unknown.join(', ')}; there are: ${known.join(', ')}`);
  process.exit(2);
}

/** Runs a test file; `seen` gets every line. Resolves with its exit code. */
function run(file, env, seen) {
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    cwd: root,
    env: { ...process.env, TAP_TIMEOUT: '36000', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    lines.forEach(seen);
  });
  return new Promise((resolve) => child.on('close', (code) => resolve(code)));
}

async function move(name) {
  const [file, only] = programs[name];
  const env = {
    GODWIT_ROUNDS: String(Number(values.moves) / 2),
    GODWIT_WORKLOAD: name, // read by there-and-back alone
    ...(only && { GODWIT_CASE: only }),
  };
  let moved = 0;
  const downtimes = [];
  const problems = [];
  let told = 0; // lines of the last problem
  const code = await run(file, env, (line) => {
    const found = /^ +ok .* moved from \w+ to \w+, downtime ([\d.]+) ms/.exec(line);
    if (found !== null) {
      moved++;
      downtimes.push(Number(found[1]));
    } else if (/^ +not ok/.test(line)) {
      problems.push(line.trim());
      told = 1;
    } else if (told > 0 && told < 30 && !/^ +\.\.\.$/.test(line)) {
      problems.push(line);
      told++;
    } else told = 0;
  });
  downtimes.sort((x, y) => x - y);
  const [median, worst] = [downtimes[downtimes.length >> 1], downtimes.at(-1)];
  console.log(
    `${name}: ${moved} of ${values.moves} moved, downtime median ${median} ms, worst ${worst} ms, exit ${code}`,
  );
  for (const problem of problems) console.log(`  ${problem.slice(0, 2000)}`);
  return code === 0;
}

async function runSeeded(name) {
  const [file, variable, telling] = seeded[name];
  const env = {
    [variable]: values[name],
    GODWIT_CHAOS_TOGETHER: '1',
    GODWIT_SOAK_STREAMS: values.streams,
    ...(values['from-seed'] && { GODWIT_SEED: values['from-seed'] }),
  };
  const code = await run(file, env, (line) => {
    if (telling.test(line)) console.log(`${name}: ${line.trim().slice(0, 2000)}`);
  });
  console.log(`${name}: exit ${code}`);
  return code === 0;
}

let good = true;
for (const name of names) good = (name in seeded ? await runSeeded(name) : await move(name)) && good;
process.exitCode = good ? 0 : 1;
