// `npm run docs:process-state`: writes docs/process-state.md anew.
import { writeFileSync } from 'node:fs';
import { workloadHead, workloadNames } from '../helpers/workloads.ts';
import { documentPath, processStateDocument } from './document.ts';
import { readItems } from './items.ts';

writeFileSync(documentPath, processStateDocument(readItems(), workloadNames.map(workloadHead)));
