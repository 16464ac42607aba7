// Every limit of the protocol in one place. docs/protocol.md repeats this table; a peer that exceeds one meets
// a LIMIT or PROTOCOL error before anything has been decoded.
import { pageSize } from '../units.ts';

/** Spoken by this build. A peer with another version is refused, with both versions in the message. */
export const protocolVersion = 1;
/** First field of the first message: tells a Godwit peer from any other WebSocket. */
export const protocolMagic = 'godwit';
/** WebSocket subprotocol of both kinds of connection. Versions are told in hello, not here. */
export const subprotocol = 'godwit';

/** Bytes of one control message, before decoding. */
export const maxControlMessage = 64 * 1024 * 1024;
/** Levels of arrays and maps inside one control message. */
export const maxNesting = 32;
/** Values (map keys included) of one control message. */
export const maxValues = 8_000_000;
/** Control messages that wait for the session to receive them. */
export const maxQueuedMessages = 64;

/** Bytes of page content in one page frame. */
export const maxPagePayload = 1024 * 1024;
/** Runs of pages in one page frame. */
export const maxRuns = 4096;
/** Bytes of the msgpack header of a page frame. */
export const maxPageHeader = 1024;
/** Bytes of one page frame as a WebSocket message. */
export const maxPageFrame = 4 + maxPageHeader + maxRuns * 16 + maxPagePayload;
/** Bytes of an acknowledgement on a page connection. */
export const ackBytes = 12;

/** Bytes in front of the payload of a page block; whole pages, so that the payload is page-aligned. */
export const headRoom = Math.ceil((4 + maxPageHeader + maxRuns * 16) / pageSize) * pageSize;

/**
 * GODWIT_PATIENCE, a factor on the limits below. They are made for hardware: an emulated or hopelessly busy host starts a worker
 * ten times slower, and may not come to answer a ping while it builds a tree.
 */
const patience = Math.min(100, Math.max(1, Number(process.env['GODWIT_PATIENCE'] ?? 1) || 1));
/**
 * Milliseconds in which a connection must have become a WebSocket, and then have said hello. Nothing stands still meanwhile, and
 * a loaded host may need long to start a worker.
 */
export const handshakeTimeoutMs: number = 30_000 * patience;
/** Milliseconds without a sign of life after which the peer counts as dead while the tree is frozen; twice as many else. */
export const deadAfterMs: number = 10_000 * patience;
/**
 * Milliseconds for the target's own word to arrive behind the end of its page connection: it takes down what it has built before
 * it speaks. Its word decides whether the source starts over (PID_TAKEN).
 */
export const lastWordMs: number = 5_000 * patience;
