// Open files that stay behind, by what the operator said of them (--inherit-fd): external.ts. No file is one by itself.
import type { SourceDriver } from './driver.ts';
import { dumpInherited, externalOf } from './external.ts';
import { refuse } from './refuse.ts';

export const inherited: SourceDriver<'inherited'> = {
  matches: () => false,
  survey: () => undefined,
  dump(group, context) {
    const instead = externalOf(group, context)?.instead;
    if (instead?.kind === 'inherit') return dumpInherited(group, instead.fd, context);
    throw refuse(group.first, { reason: 'nothing was given for it', remedy: 'give --inherit-fd' });
  },
};
