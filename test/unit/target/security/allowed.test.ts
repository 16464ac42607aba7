// Whose trees may come, in advance and when they are there.
import t from 'tap';
import {
  allowedArgument,
  parseAllowed,
  refusalsOf,
  requireAllowed,
} from '../../../../src/target/security/allowed.ts';
import type { Allowed } from '../../../../src/target/security/allowed.ts';
import type { TreeState } from '../../../../src/images/state.ts';

const alice: Allowed = { root: false, users: [{ uid: 1000, groups: [1000, 27] }] };
const plain = {
  uids: [1000],
  gids: [1000],
  groups: [[27]],
  capabilities: false,
  rawSockets: false,
  fanotify: [],
  addresses: [],
};

void t.test('the daemon tells a worker', (t) => {
  const two: Allowed = { root: false, users: [...alice.users, { uid: 33, groups: [33] }] };
  for (const one of [two, alice, { root: true, users: [] }, { root: false, users: [] }])
    t.strictSame(parseAllowed(['node', 'worker', allowedArgument(one)]), one);
  t.match(parseAllowed(['node', 'worker']), { root: true }, 'whom no daemon has started');
  t.end();
}); // prettier-ignore

void t.test('in advance everything that is too much is named', (t) => {
  t.strictSame(refusalsOf(plain, alice), []);
  t.strictSame(refusalsOf({ ...plain, uids: [0] }, { root: true, users: [] }), []);
  const much = {
    ...plain,
    uids: [1000, 0, 33],
    gids: [0],
    groups: [[27], [4]],
    capabilities: true,
    rawSockets: true,
  };
  t.strictSame(
    refusalsOf(much, alice).map(({ object }) => object),
    ['user 0', 'user 33', 'group 0', 'group 4', 'capabilities', 'raw sockets'],
  );
  t.equal(refusalsOf(plain, { root: false, users: [] }).length, 3, 'nobody is allowed');
  t.end();
});

/** Only what is looked at. */
function state(
  change: (process: Record<string, unknown>, state: Record<string, unknown>) => void = () => undefined,
): TreeState {
  const credentials = {
    uid: [1000, 1000, 1000, 1000],
    gid: [1000, 1000, 1000, 1000],
    groups: [27],
    inheritable: 0n,
    permitted: 0n,
    effective: 0n,
    bounding: 511n,
    ambient: 0n,
  };
  const process = { root: '/', cwd: '/home', threads: [{ credentials }] };
  const whole = {
    processes: [process],
    openFiles: [],
    queues: [],
    semaphores: [],
    layout: {},
    addresses: [],
  };
  change(process, whole);
  return whole as unknown as TreeState;
}

void t.test('what arrives is looked at again, whatever was said before', (t) => {
  const anywhere = (): boolean => true;
  requireAllowed(state(), anywhere, alice);
  requireAllowed(state((_, whole) => void (whole['openFiles'] = [{ resource: { kind: 'netlink', groups: [1] } }])), anywhere, alice);
  const file = (resource: unknown) => (_: unknown, whole: Record<string, unknown>) => void (whole['openFiles'] = [{ resource }]);
  const credential = (name: string, value: unknown) => (process: Record<string, unknown>) => {
    const [thread] = process['threads'] as { credentials: Record<string, unknown> }[];
    if (thread !== undefined) thread.credentials[name] = value;
  };
  const wrong: Record<string, Parameters<typeof state>[0]> = {
    'a saved user ID': credential('uid', [1000, 1000, 0, 1000]),
    'a file-system group': credential('gid', [1000, 1000, 1000, 0]),
    'a group': credential('groups', [27, 4]),
    'an ambient capability': credential('ambient', 1n),
    'a root directory': (process) => void (process['root'] = '/tmp/jail'),
    'a raw socket': file({ kind: 'raw' }),
    'a fanotify group': file({ kind: 'fanotify' }),
    'a socket file of root': file({ kind: 'unix', file: { uid: 0, gid: 1000 } }),
    'a peer in a group': file({ kind: 'unix', peer: { uid: 1000, gid: 1000, groups: [0] } }),
    'a queue of root': (_, whole) => void (whole['queues'] = [{ uid: 0 }]),
    'a creator of a queue': (_, whole) => void (whole['queues'] = [{ uid: 1000, cuid: 0 }]),
    'a network': (_, whole) => void (whole['network'] = {}),
    'an address': (_, whole) => void (whole['addresses'] = [{}]),
  };
  for (const [what, change] of Object.entries(wrong)) {
    t.throws(() => { requireAllowed(state(change), anywhere, alice); }, { code: 'NOT_ALLOWED' }, what);
    requireAllowed(state(change), anywhere, { root: true, users: [] });
  }
  t.throws(() => { requireAllowed(state(), () => false, alice); }, { message: /working directory/ });
  t.end();
}); // prettier-ignore
