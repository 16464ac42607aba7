// Shared objects of reserved huge pages cannot be written through a descriptor (hugetlbfs has no write), so the agent maps them.
import { GodwitError } from '../errors.ts';
import { runLocal } from '../kernel/local-program.ts';
import { errnoName, Program } from '../kernel/program.ts';

const readWrite = 3;
/** MAP_SHARED | MAP_NORESERVE: what is never written takes no page, as in the tree. */
const flags = 0x4001;

export class HugeMemory implements Disposable {
  readonly address: number;
  readonly length: number;

  /** `length`: bytes, whole huge pages and not 0. @throws GodwitError NO_SPACE */
  constructor(fd: number, length: number) {
    const program = new Program();
    const at = program.attempt('mmap', 0, length, readWrite, flags, fd, 0);
    this.address = runLocal(program).number(at);
    this.length = length;
    if (this.address < 0)
      throw new GodwitError('NO_SPACE', `huge pages cannot be mapped: ${errnoName(this.address)}`);
  }

  [Symbol.dispose](): void {
    const program = new Program();
    program.call('munmap', this.address, this.length);
    runLocal(program);
  }
}
