// What a machine must have for hosts of namespaces.
import { runCommand } from './commands.ts';

/** True when this process may make hosts at all, else the reason. */
export async function canMakeHosts(): Promise<string | true> {
  if (process.getuid?.() !== 0) return 'hosts of namespaces need root';
  for (const tool of ['unshare', 'nsenter', 'setpriv', 'ip', 'pgrep']) {
    if ((await runCommand('sh', ['-c', `command -v ${tool}`])).code !== 0)
      return `hosts of namespaces need ${tool}`;
  }
  return true;
}
