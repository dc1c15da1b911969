/** `p` of an instance `p[3]`; any other name is its own. */
export function ownerOf(name: string): string {
  return name.replace(/\[\d+\]$/, '');
}

/** 3 of `p[3]`. */
export function indexOf(name: string): number {
  return Number(/\[(\d+)\]$/.exec(name)![1]);
}
