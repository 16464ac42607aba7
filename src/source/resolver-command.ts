// What the keeper starts when this agent has died and the target must be told how the migration ends.
import { join } from 'node:path';
import { packageRoot } from '../native.ts';

export function resolverCommand(id: string): string[] {
  return [process.execPath, join(packageRoot, 'dist', 'cli', 'godwit.js'), 'resolve', id];
}
