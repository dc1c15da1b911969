export type Path = readonly (string | number)[];

/** How a sentence names a place of a pipeline file: `processor "parse"`, `"retries.limit" of processor "parse"`. */
export function subjectOf(path: Path): string {
  const [section, name, ...rest] = path;
  if (section === undefined) return 'the pipeline';
  if (name !== undefined && (section === 'processors' || section === 'params')) {
    const owner = `${section === 'processors' ? 'processor' : 'param'} "${name}"`;
    return rest.length === 0 ? owner : `"${dotted(rest)}" of ${owner}`;
  }
  return `"${dotted(path)}"`;
}

/** `needs[0]`, `with.headers.accept` */
export function dotted(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}
