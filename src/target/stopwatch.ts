// How long the parts of a step took, in milliseconds by name, for the closing report.
import { performance } from 'node:perf_hooks';

export type Times = Record<string, number>;

export class Stopwatch {
  readonly times: Times = {};

  /** Adds up under the same name. Returns the milliseconds of this time. */
  measure(name: string, work: () => void): number {
    const began = performance.now();
    work();
    return this.#add(name, performance.now() - began);
  }

  /** Returns what the work does. */
  async measureAsync<T>(name: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const result = await work();
    this.#add(name, performance.now() - began);
    return result;
  }

  #add(name: string, ms: number): number {
    this.times[name] = (this.times[name] ?? 0) + ms;
    return ms;
  }
}
