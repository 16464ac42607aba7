// `npm run conformance`: everything that a process is made of, moved there and back; the table by family at the end.
import { parseOptions, usage, type SuiteOptions } from './options.ts';
import { plan, runSuite } from './suite.ts';
import { table, troubles } from './table.ts';

async function main(options: SuiteOptions): Promise<void> {
  const trials = plan(options.filter);
  if (trials.length === 0)
    throw new Error(`no workload has "${options.filter}" in its family, name or variant`);
  const began = performance.now();
  const { results, leftovers } = await runSuite(options, trials, (claims) => {
    const first = claims[0];
    if (first === undefined) return;
    const held = claims.filter(({ outcome }) => outcome === 'carried').length;
    console.log(`${first.trial.head.name} (${first.trial.variant}): ${held} of ${claims.length} carried`);
    for (const line of troubles(claims)) console.log(`  ${line}`);
  });
  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  console.log(`\nflavour ${options.flavour}, ${trials.length} trees, ${minutes} minutes\n${table(results)}`);
  const bad = troubles(results.filter(({ outcome }) => outcome !== 'skipped'));
  for (const line of [...bad, ...leftovers.map((one) => `left behind: ${one}`)]) console.log(line);
  process.exitCode = bad.length > 0 || leftovers.length > 0 ? 1 : 0;
}

try {
  await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  process.exitCode = 2;
}
