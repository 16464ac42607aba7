// A line to the target for the pages that come later: a control connection and a page connection of their own, which a worker serves that
// knows nothing but the keeper. Broken, it is replaced by a new one, which begins with what is still missing.
import { release } from 'node:os';
import { alignedBuffer } from '../../kernel/aligned-memory.ts';
import { bootId } from '../../kernel/boot-id.ts';
import { native } from '../../native.ts';
import { sealInto } from '../../kernel/seal-into.ts';
import { connectControl, connectPages } from '../../transport/connect.ts';
import type { ControlConnection } from '../../transport/control-connection.ts';
import type { Endpoint } from '../../transport/endpoint.ts';
import { greet } from '../../transport/handshake.ts';
import type { PageSender } from '../../transport/page-sender.ts';
import type { SessionSecurity } from '../../transport/security.ts';
import { type CompressChoice, PageFlow } from '../page-flow/page-flow.ts';

export interface LineOptions {
  /** Of the migration. */
  readonly id: string;
  readonly endpoint: Endpoint;
  readonly security: SessionSecurity;
  readonly compress: CompressChoice;
  readonly bandwidth: number | undefined;
}

let lines = 0;

export class PageLine implements AsyncDisposable {
  readonly control: ControlConnection<'source'>;
  readonly pages: PageSender;
  /** Changes when the target's host was started anew. */
  readonly peerBootId: string;
  /** Aborts when either connection is over. */
  readonly ended: AbortSignal;

  private constructor(control: ControlConnection<'source'>, pages: PageSender, peerBootId: string) {
    this.control = control;
    this.pages = pages;
    this.peerBootId = peerBootId;
    this.ended = AbortSignal.any([control.ended, pages.ended]);
    control.onEnd(() => {
      pages.terminate();
    });
  }

  /** @throws GodwitError PEER */
  static async open(options: LineOptions): Promise<PageLine> {
    const { id, endpoint, security } = options;
    // Each has a worker of its own, for the one before may not know yet that its link was cut.
    lines++;
    const session = `${id.slice(0, 40)}-p${process.pid}-${lines}`;
    const control = await connectControl(endpoint, session, { security, purpose: 'post-copy', of: id });
    try {
      const host = { bootId: bootId(), kernel: { release: release(), machine: 'x86_64' } };
      const welcome = await greet(control, {
        ...host,
        migrationId: session,
        purpose: 'post-copy',
        plaintext: security.kind === 'plaintext',
      });
      // Each page comes once.
      const { compress, bandwidth: bytesPerSecond } = options;
      const flow = new PageFlow({ compress, bytesPerSecond, deltaCacheBytes: 0 });
      const checksum = (payload: Uint8Array): bigint => native.xxh3(payload);
      const { passage } = control;
      const ends = { checksum, allocate: alignedBuffer, signal: control.ended, passage, sealInto };
      const pages = await connectPages(endpoint, session, { ...ends, ...flow.options });
      return new PageLine(control, pages, welcome.bootId);
    } catch (error) {
      await control.close();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pages.close();
    await this.control.close();
  }
}
