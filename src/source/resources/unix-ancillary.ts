// What comes beside the bytes of queued messages, as it travels: open files by id, senders by the numbers that the tree sees.
import type { Ancillary } from '../../images/resources/unix-ancillary.ts';
import type { SenderCredentials } from '../../kernel/control-messages.ts';
import type { DumpContext } from './driver.ts';
import type { SeenFile } from './seen-file.ts';
import type { CarryingQueue } from './unix-queue.ts';
import { sendersInside } from './unix-senders.ts';

/** overflowuid, overflowgid (proc_sys_kernel(5)): shown where nobody was noted down. */
const nobody = 65_534;

type Context = Pick<DumpContext, 'insideOf' | 'runIn' | 'thief'>;

/** Of messages that have any. */
export function ancillaryOf(file: SeenFile, queue: CarryingQueue, context: Context): Ancillary[] {
  const { messages, files } = queue;
  const pids = sendersOf(file, queue, context);
  return messages.flatMap(({ credentials }, message) => {
    const brought = [...(files[message] ?? [])];
    const pid = pids.get(message);
    if (credentials === undefined || pid === undefined)
      return brought.length === 0 ? [] : [{ message, files: brought }];
    return [{ message, files: brought, credentials: { ...credentials, pid } }];
  });
}

/** By message: who has sent it, as the tree sees them; nothing of those of which nobody was noted down. */
function sendersOf(file: SeenFile, { messages }: CarryingQueue, context: Context): Map<number, number> {
  const pids = new Map<number, number>();
  const asked: { readonly message: number; readonly offset: number }[] = [];
  let offset = 0;
  for (const [message, { data, credentials }] of messages.entries()) {
    if (credentials !== undefined && !isNobody(credentials)) {
      const pid = context.insideOf(credentials.pid);
      pids.set(message, pid);
      // A look with an offset passes over a message without bytes.
      if (pid === 0 && credentials.pid !== 0 && (message === 0 || data.length > 0))
        asked.push({ message, offset });
    }
    offset += data.length;
  }
  for (const [message, pid] of sendersInside(file, asked, context)) pids.set(message, pid);
  return pids;
}

/** Sent before SO_PASSCRED was set: the kernel takes senders down only where somebody wants to know. */
function isNobody({ pid, uid, gid }: SenderCredentials): boolean {
  return pid === 0 && uid === nobody && gid === nobody;
}
