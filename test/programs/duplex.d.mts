import type { Socket } from 'node:net';

export declare class Duplex {
  readonly problem: string;
  readonly sent: number;
  readonly got: number;
  readonly ended: Promise<unknown>;
  longestMs: number;
  constructor(socket: Socket, isInitiator: boolean, random: () => number);
  finish(): void;
  verdict(): string;
}
