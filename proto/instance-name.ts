/**
 * How messages name what is tried: a processor by its name, an instance of one with `each` or `matrix` as
 * `NAME[INDEX]`. Names of processors hold no brackets.
 */
export interface InstanceName {
  processor: string;
  /** From 0; undefined when it is no instance. */
  index: number | undefined;
}

// As the pipeline file has names; an index has at most six digits (a million instances).
const NAME = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,99})(?:\[(0|[1-9]\d{0,5})\])?$/;

/** Undefined when it cannot be a name; one that is given can be part of a path. */
export function parseInstanceName(name: string): InstanceName | undefined {
  const found = NAME.exec(name);
  if (found === null) return undefined;
  return { processor: found[1]!, index: found[2] === undefined ? undefined : Number(found[2]) };
}
