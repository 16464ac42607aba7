// Mappings as images, each made once as long as it stays what it is. What only its object or its file can tell is asked for every time.
import type { Mapping } from '../images/memory.ts';
import type { Vma } from '../kernel/proc/maps.ts';

export interface MadeMapping {
  readonly mapping: Mapping;
  /** Follows from the VMA alone, whatever happens elsewhere. */
  readonly isLasting: boolean;
}

interface Known {
  readonly vmas: readonly Vma[];
  readonly mappings: readonly Mapping[];
  readonly areLasting: boolean;
}

export class KnownMappings {
  readonly #spaces = new Map<number, Known>();
  readonly #lasting = new WeakMap<Vma, Mapping>();

  /** One for each VMA; the same list as before where nothing has changed. `make` is only called for what is not known. */
  of(pid: number, vmas: readonly Vma[], make: (vma: Vma) => MadeMapping): Mapping[] {
    const before = this.#spaces.get(pid);
    if (before?.vmas === vmas && before.areLasting) return before.mappings as Mapping[];
    let areLasting = true;
    const mappings = vmas.map((vma) => {
      const known = this.#lasting.get(vma);
      if (known !== undefined) return known;
      const { mapping, isLasting } = make(vma);
      if (isLasting) this.#lasting.set(vma, mapping);
      else areLasting = false;
      return mapping;
    });
    this.#spaces.set(pid, { vmas, mappings, areLasting });
    return mappings;
  }

  forget(pid: number): void {
    this.#spaces.delete(pid);
  }
}
