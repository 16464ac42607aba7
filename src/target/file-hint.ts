// What an operator can do about a file that cannot be opened here.

/** `errno`: its name; `absent`: what helps where the file is missing, or another one. */
export function fileHint(errno: string | undefined, absent: string): string {
  if (errno === 'EACCES' || errno === 'EPERM')
    return 'give the user of receive the right to open it so, or run receive as root';
  return absent;
}
