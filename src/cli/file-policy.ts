// --file-policy content|size|name
import { filePolicies, type FilePolicy } from '../images/memory.ts';

const byDefault: FilePolicy = 'content';

export const filePolicyOption = {
  choices: filePolicies,
  default: byDefault,
  describe: 'what files that the tree only reads must have in common with those of the target',
} as const;
