// What a test needs from the machine, asked once, loudly: a skipped test names what is missing.
import { canMakeHosts } from './can-make-hosts.ts';
import { hasCommand } from './commands.ts';
import { existsSync } from 'node:fs';
import { godwitPath } from './godwit-path.ts';

/** The `skip` option of a tap test: false when all is there, else the sentence. */
export async function unless(
  ...needs: readonly ('hosts' | 'godwit' | `command:${string}`)[]
): Promise<string | false> {
  const missing: string[] = [];
  for (const need of needs) {
    if (need === 'hosts') {
      const able = await canMakeHosts();
      if (able !== true) missing.push(able);
    } else if (need === 'godwit') {
      if (!existsSync(godwitPath)) missing.push(`${godwitPath} is not built (npm run build)`);
    } else if (!(await hasCommand(need.slice('command:'.length)))) {
      missing.push(`${need.slice('command:'.length)} is not installed`);
    }
  }
  if (missing.length === 0) return false;
  process.stderr.write(`SKIPPED: ${missing.join('; ')}\n`);
  return missing.join('; ');
}
