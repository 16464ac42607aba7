// The typed face of native/binding/descriptors_binding.cc.

export interface NativeDescriptors {
  /**
   * Every descriptor of a process, in no order: number, link and fdinfo, each ended by a zero byte. One that is closed
   * meanwhile is left out. A negative errno: -ENOENT (the process is gone), -EACCES.
   */
  readDescriptors(pid: number): string | number;
}
