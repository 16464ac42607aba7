// The public face of the package. The only file that gathers exports of others.
export { asGodwitError, exitCodeOf, exitCodes, GodwitError } from './errors.ts';
export type { ErrorCode, ErrorOptions } from './errors.ts';
