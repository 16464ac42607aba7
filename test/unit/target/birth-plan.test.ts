import t, { type Test } from 'tap';
import { planBirths, type BirthStep, type LivingTask } from '../../../src/target/birth-plan.ts';

interface Wanted {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
}
function wanted(pid: number, ppid: number, pgid: number, sid: number): Wanted {
  return { pid, ppid, pgid, sid };
}

/** Plays a plan as the kernel would: who is whose child, in which group and session, in the end. */
function play(
  living: readonly LivingTask[],
  steps: readonly BirthStep[],
): Map<number, Omit<LivingTask, 'vpid'>> {
  const tasks = new Map(living.map(({ vpid, ...task }) => [vpid, { ...task }]));
  const heirs = new Map<number, number>();
  const get = (vpid: number): { ppid: number; sid: number; pgid: number } => {
    const task = tasks.get(vpid);
    if (task === undefined) throw new Error(`${vpid} does not live`);
    return task;
  };
  for (const step of steps) {
    const { vpid } = step;
    if (step.step === 'spawn') tasks.set(vpid, { ppid: 0, sid: step.sid, pgid: step.sid });
    else if (step.step === 'clone') {
      const from = get(step.from);
      tasks.set(vpid, { ...from, ppid: step.sibling ? from.ppid : step.from });
    } else if (step.step === 'orphan') tasks.set(vpid, { ...get(step.from), ppid: step.heir });
    else if (step.step === 'clone-for') {
      tasks.set(vpid, { ...get(step.from), ppid: step.from });
      heirs.set(step.from, step.heir);
    } else if (step.step === 'found-session') {
      if (get(vpid).pgid === vpid) throw new Error(`${vpid} leads a group: setsid fails`);
      Object.assign(get(vpid), { sid: vpid, pgid: vpid });
    } else if (step.step === 'join-group') {
      const { sid } = get(vpid);
      const exists = [...tasks.values()].some((task) => task.pgid === step.pgid && task.sid === sid);
      if (step.pgid !== vpid && !exists) throw new Error(`there is no group ${step.pgid} in session ${sid}`);
      get(vpid).pgid = step.pgid;
    } else {
      tasks.delete(vpid);
      for (const task of tasks.values()) if (task.ppid === vpid) task.ppid = heirs.get(vpid) ?? 0;
    }
  }
  return tasks;
}

function comesOut(t: Test, claim: string, tree: readonly Wanted[], living: readonly LivingTask[] = []): void {
  const tasks = play(living, planBirths(living, tree));
  t.same(
    [...tasks].map(([pid, { ppid, pgid, sid }]) => ({ pid, ppid, pgid, sid })).sort((a, b) => a.pid - b.pid),
    [...tree].sort((a, b) => a.pid - b.pid),
    claim,
  );
}

void t.test('a tree comes out with its parents, groups and sessions', (t) => {
  comesOut(t, 'a lone leader', [wanted(10, 0, 10, 10)]);
  comesOut(t, 'a root in a session whose leader is elsewhere', [wanted(10, 0, 5, 5)]);
  comesOut(t, 'a root of which nothing is known', [wanted(10, 0, 0, 0)]);
  comesOut(t, 'a shell with a pipeline', [
    wanted(10, 0, 10, 10),
    wanted(11, 10, 11, 10),
    wanted(12, 10, 11, 10),
    wanted(13, 12, 11, 10),
  ]);
  comesOut(t, 'a group whose leader is dead', [wanted(10, 0, 10, 10), wanted(12, 10, 11, 10)]);
  comesOut(t, 'a child that founded a session', [
    wanted(10, 0, 10, 10),
    wanted(11, 10, 11, 11),
    wanted(12, 11, 11, 11),
  ]);
  comesOut(t, 'a child older than the session of its parent', [
    wanted(10, 0, 5, 5),
    wanted(11, 10, 11, 11),
    wanted(12, 11, 5, 5),
  ]);
  t.end();
});

void t.test('orphans come out', (t) => {
  comesOut(t, 'of a session that lives', [wanted(10, 0, 10, 10), wanted(12, 0, 10, 10)]);
  comesOut(t, 'with a session of their own', [wanted(10, 0, 10, 10), wanted(12, 0, 12, 12)]);
  comesOut(t, 'of a session whose leader is dead', [
    wanted(10, 0, 10, 10),
    wanted(12, 0, 11, 11),
    wanted(13, 0, 11, 11),
  ]);
  comesOut(t, 'of a session that a descendant leads', [
    wanted(10, 0, 10, 10),
    wanted(11, 10, 11, 11),
    wanted(12, 0, 11, 11),
  ]);
  comesOut(t, 'taken over by a subreaper of the tree, the session dead', [
    wanted(10, 0, 5, 5),
    wanted(12, 10, 11, 11),
  ]);
  comesOut(t, 'taken over by a subreaper of the tree, the session alive', [
    wanted(10, 0, 5, 5),
    wanted(11, 10, 11, 11),
    wanted(12, 10, 11, 11),
  ]);
  t.end();
});

void t.test('who lives already stays, the others join', (t) => {
  const living: LivingTask[] = [
    { vpid: 10, ppid: 0, pgid: 10, sid: 10 },
    { vpid: 11, ppid: 10, pgid: 10, sid: 10 },
  ];
  comesOut(t, 'a child founds its session later', [wanted(10, 0, 10, 10), wanted(11, 10, 11, 11)], living);
  comesOut(
    t,
    'new children of both',
    [wanted(10, 0, 10, 10), wanted(11, 10, 10, 10), wanted(12, 11, 12, 10), wanted(13, 10, 10, 10)],
    living,
  );
  t.same(
    planBirths(living, [wanted(10, 0, 10, 10), wanted(11, 10, 10, 10)]),
    [],
    'nothing new, nothing to do',
  );
  t.end();
});

void t.test('what cannot come about is refused by name', (t) => {
  const living: LivingTask[] = [
    { vpid: 10, ppid: 0, pgid: 10, sid: 10 },
    { vpid: 11, ppid: 10, pgid: 11, sid: 11 },
  ];
  t.throws(() => planBirths(living, [wanted(10, 0, 10, 10), wanted(11, 10, 10, 10)]), {
    code: 'REFUSED',
    message: /process 11 .* session 10/,
  });
  t.end();
});
