// GODWIT_WITHOUT=procmap-query,userfaultfd-wp-async: facilities that Godwit does as if it had not, so that tests reach
// the fallbacks on a kernel that has everything.

/** True when the facility is switched off by name. */
export function isSwitchedOff(name: string, environment: NodeJS.ProcessEnv = process.env): boolean {
  return (environment['GODWIT_WITHOUT'] ?? '').split(',').some((part) => part.trim() === name);
}
