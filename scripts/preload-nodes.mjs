// For scripts/sanitize.sh: the sanitizer's runtime has to be loaded before Node, in every Node that a test starts, but not in
// the programs that it migrates, whose memory it would change. Loaded by --import in each of these Nodes.
import { ChildProcess } from 'node:child_process';

const preload = process.env.GODWIT_PRELOAD;
delete process.env.LD_PRELOAD;

// All of spawn, fork and execFile end in this method.
const spawn = ChildProcess.prototype.spawn;
ChildProcess.prototype.spawn = function (options) {
  const set = [
    `LD_PRELOAD=${preload}`,
    `GODWIT_PRELOAD=${preload}`,
    `NODE_OPTIONS=--import=${import.meta.url}`,
  ];
  const wrapped = options.args?.indexOf(process.execPath, 1) ?? -1; // unshare --net node ...: not for the one in front
  if (preload !== undefined && wrapped > 0) {
    const args = [...options.args.slice(0, wrapped), 'env', ...set, ...options.args.slice(wrapped)];
    return spawn.call(this, { ...options, args });
  }
  if (preload !== undefined && options.file === process.execPath) {
    const names = new Set(set.map((pair) => pair.split('=', 1)[0]));
    const others = (options.envPairs ?? []).filter((pair) => !names.has(pair.split('=', 1)[0]));
    return spawn.call(this, { ...options, envPairs: [...others, ...set] });
  }
  return spawn.call(this, options);
};
