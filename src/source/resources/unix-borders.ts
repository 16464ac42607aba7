// Where in a stream the bytes begin that descriptors came with. A look (MSG_PEEK) shows descriptors at the end of what it returns,
// together with plain bytes before them, however few bytes are asked for. But it copies segment by segment, and one that does not
// fit the memory ends it (net/unix/af_unix.c, unix_stream_read_generic; EFAULT when nothing was copied yet): read into memory
// that ends one byte too early, it returns what stands before the last segment.
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';

const msgPeek = 2;
const msgDontwait = 0x40;
const pageSize = 4096;
const readWrite = 3;
const privateAnonymous = 0x22;
const noFile = -1;

/**
 * Of `length` bytes that a look at this place returned: how many stand before the last segment. Preconditions: nobody reads or
 * writes the socket meanwhile, SO_PEEK_OFF is where that look began.
 */
export function bytesBeforeLast(fd: number, length: number): number {
  const pages = Math.ceil(length / pageSize) * pageSize;
  const map = new Program();
  const mapped = map.call('mmap', 0, pages + pageSize, readWrite, privateAnonymous, noFile, 0);
  const address = runLocal(map).number(mapped);
  const program = new Program();
  program.call('mprotect', address + pages, pageSize, 0);
  const start = address + pages - (length - 1);
  const got = program.attempt('recvfrom', fd, start, length, msgPeek | msgDontwait, 0, 0);
  program.call('munmap', address, pages + pageSize);
  return Math.max(0, runLocal(program).number(got));
}
