// Small pieces of text that several files of /proc have in common.

/** Undoes seq_path's escapes (\040 space, \011 tab, \012 newline, \134 backslash, \043 hash): only those in `escaped`. */
export function unescapeOctal(text: string, escaped: readonly string[]): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\([0-7]{3})/g, (whole, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 8));
    return escaped.includes(character) ? character : whole;
  });
}

/** Undoes the \n and \\ of task names in /proc/PID/status (proc_task_name). /proc/PID/stat and comm show them raw. */
export function unescapeComm(text: string): string {
  return text.includes('\\')
    ? text.replaceAll(/\\(\\|n)/g, (_, c: string) => (c === 'n' ? '\n' : '\\'))
    : text;
}

const deletedMark = ' (deleted)';

/**
 * Takes the mark of an unlinked file off a path. A file whose true name ends so looks the same here: where it matters, look
 * at the link count of what the descriptor or map_files leads to.
 */
export function stripDeleted(path: string): { path: string; deleted: boolean } {
  return path.endsWith(deletedMark)
    ? { path: path.slice(0, -deletedMark.length), deleted: true }
    : { path, deleted: false };
}

/** The numbers of a line, separated by any white space. */
export function numbersOf(text: string): number[] {
  const trimmed = text.trim();
  return trimmed === '' ? [] : trimmed.split(/\s+/).map(Number);
}

/** An unsigned 64-bit value in hexadecimal, with or without 0x. */
export function hex64(text: string): bigint {
  return BigInt(text.startsWith('0x') ? text : `0x${text}`);
}

/** Lines of the form "Key:\tvalue" as a map; the value keeps inner and loses outer white space. */
export function keyValues(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) values.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return values;
}
