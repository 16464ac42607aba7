// What watches this host: set up when nothing is left to be done, so that it sees nothing of what this agent does. Until then the agent's
// descriptors stay open.
export class Watches {
  readonly #list: { readonly fd: number; readonly act: () => void }[] = [];

  add(fd: number, act: () => void): void {
    this.#list.push({ fd, act });
  }

  get fds(): readonly number[] {
    return this.#list.map(({ fd }) => fd);
  }

  act(): void {
    for (const { act } of this.#list) act();
  }

  /** Returns the descriptors that are not needed any more. */
  clear(): number[] {
    return this.#list.splice(0).map(({ fd }) => fd);
  }
}
