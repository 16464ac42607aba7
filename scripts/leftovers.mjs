// What Godwit must not leave behind on a machine when nothing is migrating: keepers, fences, networks, journals.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

function list(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function commOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return ''; // it has ended
  }
}

function cgroupsBelow(folder, found = []) {
  if (!existsSync(folder)) return found;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = `${folder}/${entry.name}`;
    if (entry.name.startsWith('godwit')) found.push(path);
    try {
      cgroupsBelow(path, found);
    } catch {
      // removed while we looked
    }
  }
  return found;
}

/** One line each, in words. */
export function leftovers() {
  const keepers = list('/proc').filter((pid) => /^\d+$/.test(pid) && commOf(pid) === 'godwit-keeper');
  return [
    ...keepers.map((pid) => `process ${pid} is still a godwit-keeper`),
    ...cgroupsBelow('/sys/fs/cgroup').map((path) => `cgroup ${path}`),
    ...list('/run/netns')
      .filter((name) => name.startsWith('godwit'))
      .map((name) => `network namespace ${name}`),
    ...list('/run/godwit').map((name) => `/run/godwit/${name}`),
  ];
}
