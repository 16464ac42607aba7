// What a TAP stream proves. A claim is a subtest that has no subtests of its own, or an assertion outside any
// subtest. A skipped claim is neither passed nor failed.
import { Parser } from 'tap-parser';

/** Feeds nothing by itself: pipe a test's output into `parser`, then read `result` once it has ended. */
export function countTap() {
  const result = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
  const parser = new Parser();
  watch(parser, [], result);
  parser.on('bailout', (reason) => fail(result, [`bail out: ${reason}`], undefined));
  return { parser, result };
}

function fail(result, path, diag) {
  result.failed += 1;
  result.failures.push({ path, diag });
}

function watch(parser, path, result) {
  const node = { claims: 0, failedInside: 0, bad: undefined };
  let child;
  parser.on('child', (sub) => (child = { name: sub.name, node: watch(sub, [...path, sub.name], result) }));
  parser.on('assert', (res) => {
    const inner = child?.node;
    child = undefined;
    if (inner === undefined && path.length > 0 && !res.skip && !res.todo) {
      if (!res.ok) node.bad ??= { name: res.name, ...res.diag };
      return; // an assertion of a claim: the claim's own line counts
    }
    node.claims += 1;
    const before = result.failed;
    countClaim(res, inner, [...path, res.name], result);
    node.failedInside += result.failed - before + (inner?.failedInside ?? 0);
  });
  return node;
}

function countClaim(res, inner, path, result) {
  if (res.skip || res.todo) {
    result.skipped += 1;
    result.skips.push({
      path,
      reason: typeof res.skip === 'string' ? res.skip : String(res.todo || 'skipped'),
    });
  } else if (!res.ok) {
    if (inner === undefined || inner.claims === 0 || inner.failedInside === 0 || inner.bad) {
      fail(result, path, inner?.bad ?? res.diag);
    }
  } else if (inner === undefined || inner.claims === 0) {
    result.passed += 1;
  }
}
