// The built command line; tests of single pieces work without it.
import { fileURLToPath } from 'node:url';

export const godwitPath =
  process.env['GODWIT_CLI'] ?? fileURLToPath(new URL('../../dist/cli/godwit.js', import.meta.url));
