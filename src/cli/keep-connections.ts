// --keep-connections
import { GodwitError } from '../errors.ts';
import type { SurveyOptions } from '../source/survey-options.ts';

export type KeepConnections = SurveyOptions['keepConnections'];

export const keepConnectionsOption = {
  choices: ['address', 'forward'] as const,
  default: 'address' as const,
  describe:
    'forward: connections go on through this host, for as long as they last; address: those whose address moves along',
} as const;

interface Keeping {
  readonly 'keep-connections': KeepConnections;
  readonly 'move-ip': readonly string[];
}

/** @throws GodwitError USAGE */
export function checkKeeping({ 'keep-connections': keep, 'move-ip': moves }: Keeping): void {
  if (keep === 'forward' && moves.length > 0) {
    throw new GodwitError('USAGE', '--keep-connections forward and --move-ip exclude each other', {
      hint: 'an address either moves to the target or goes on being answered by this host',
    });
  }
}
