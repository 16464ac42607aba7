// In which order queues are filled when sockets are in flight in sockets.
import type { ResourceImage } from '../../images/resources/registry.ts';

export interface UnixFile {
  readonly id: number;
  readonly image: ResourceImage<'unix'>;
}

/**
 * A queue is filled before those of the sockets in flight in it. Kernels before 6.10 refuse to send a socket (ETOOMANYREFS) whose own queue
 * brings sockets that bring sockets, four deep (net/unix/scm.c, MAX_RECURSION_LEVEL); one with an empty queue they always send.
 * Where sockets carry each other in a circle, one of them has to be first.
 */
export function outermostFirst(sockets: readonly UnixFile[]): UnixFile[] {
  const byId = new Map(sockets.map((socket) => [socket.id, socket]));
  const visited = new Set<number>();
  const order: UnixFile[] = [];
  const carriedBy = ({ image }: UnixFile): UnixFile[] =>
    image.ancillary.flatMap(({ files }) => files.flatMap((file) => byId.get(file) ?? []));
  // Depth first, without recursion: a peer may send a chain as long as it likes.
  for (const start of sockets) {
    const stack = [{ socket: start, rest: [start] }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.rest.pop();
      if (next === undefined) {
        stack.pop();
        if (stack.length > 0) order.push(top.socket);
      } else if (!visited.has(next.id)) {
        visited.add(next.id);
        stack.push({ socket: next, rest: carriedBy(next) });
      }
    }
  }
  return order.reverse();
}
