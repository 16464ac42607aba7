// Whom SO_PEERCRED and SO_PEERGROUPS (unix(7)) name at one end of a connection, or at a listener.
import * as z from 'zod';
import { list, u32 } from '../scalars.ts';

export const peerCredentialsSchema = z.strictObject({
  /** As the holder of the socket sees it; 0: none that its PID namespace shows. It may have ended. */
  pid: u32,
  /** Effective, at that time. */
  uid: u32,
  gid: u32,
  groups: list(u32, 65_536),
});
export type PeerCredentials = z.infer<typeof peerCredentialsSchema>;
