// Whether memory can be guarded here until it has come.
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { postCopyFeatures } from '../../kernel/keeper-post-copy.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { native } from '../../native.ts';
import { blocker } from './blocker.ts';

const oCloexec = 0o2000000;

/** Faults of the kernel count, too, and forks are told: both take CAP_SYS_PTRACE in the first user namespace (userfaultfd(2)). */
export function checkPostCopy({ postCopy }: Pick<Requirements, 'postCopy'>): Blocker[] {
  if (!postCopy) return [];
  const program = new Program();
  const made = program.attempt('userfaultfd', oCloexec);
  const fd = runLocal(program, 'userfaultfd').number(made);
  const error = fd < 0 ? fd : native.uffdApi(fd, postCopyFeatures);
  if (fd >= 0) native.closeFd(fd);
  if (error >= 0) return [];
  const reason = `memory that comes later cannot be guarded by userfaultfd here: ${errnoName(error)}`;
  return [
    blocker(
      'post-copy',
      reason,
      'run receive as root, or migrate without --postcopy and --on-timeout postcopy',
    ),
  ];
}
