/** What cannot be written, and keeps runs from going on. */
export interface Troubles {
  /** Undefined: it works again. */
  set(what: 'store' | 'logs' | 'files', error: Error | undefined): void;
  /** The store does not take commits. */
  readonly ofStore: Error | undefined;
  /** The gravest; undefined when all is well. */
  readonly first: Error | undefined;
}

/** Each trouble is told once, however often it is met, and its end. */
export function createTroubles(tell: (error: Error | undefined) => void): Troubles {
  const known = { store: undefined, logs: undefined, files: undefined } as Record<string, Error | undefined>;
  const first = () => known.store ?? known.logs ?? known.files;
  let told: string | undefined;
  return {
    set(what, error) {
      known[what] = error;
      const trouble = first();
      if (trouble?.message === told) return;
      told = trouble?.message;
      tell(trouble);
    },
    get ofStore() {
      return known.store;
    },
    get first() {
      return first();
    },
  };
}
