// The typed face of native/binding/descriptors_binding.cc.

export interface NativeDescriptors {
  /**
   * Every descriptor of a process, in no order: number, link and fdinfo, each ended by a zero byte. One that is closed
   * meanwhile is left out. A negative errno: -ENOENT (the process is gone), -EACCES.
   */
  readDescriptors(pid: number): string | number;
  /**
   * Every segment for this TCP socket of the agent's is dropped from now on (SO_ATTACH_FILTER). 0 or a negative errno; EPERM: the program
   * has locked its filter.
   */
  lockConnection(fd: number): number;
  /** Takes the filter off and ends TCP_REPAIR, which forgets SO_REUSEADDR: `reuse` is what it was. 0 or a negative errno. */
  unlockConnection(fd: number, reuse: boolean): number;
}
