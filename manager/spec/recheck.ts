import { badInput } from './diagnostic.ts';
import { hasMacros } from './scan-macros.ts';
import type { ActionSpec, PipelineSpec } from './spec.ts';

/** A processor that `uses` can name, and the JSON Schema of its options. */
interface CallType {
  name: string;
  optionsSchemaJson: string;
}

/**
 * Checks options of calls again once macros are fixed: `width: ${WIDTH}` could not be checked before; options
 * with expressions still cannot. `written` is the spec as it was applied, `fixed` what `fixMacros` made of it. Throws `invalid_argument` with all that
 * is wrong. Costs nothing (no schema library is loaded) when no call has macros.
 */
export async function recheckCalls(
  written: PipelineSpec,
  fixed: PipelineSpec,
  catalogue: readonly CallType[],
): Promise<void> {
  const open = written.processors.flatMap((processor, index) =>
    processor.action.kind === 'call' && hasMacros(processor.action.with) ? [index] : [],
  );
  if (open.length === 0) return;
  const check = await callCheck(catalogue);
  const diagnostics = open.flatMap((index) => {
    const { name, action } = fixed.processors[index]!;
    return check(name, action);
  });
  if (diagnostics.length > 0) throw badInput(diagnostics);
}

/** Checks one action against the catalogue, every text without expressions final; throws `invalid_argument` with all that is wrong. */
export async function checkCall(
  name: string,
  action: ActionSpec,
  catalogue: readonly CallType[],
): Promise<void> {
  const check = await callCheck(catalogue);
  const diagnostics = check(name, action);
  if (diagnostics.length > 0) throw badInput(diagnostics);
}

async function callCheck(catalogue: readonly CallType[]) {
  const [{ callChecker }, { nearestFinder }] = await Promise.all([
    import('./calls.ts'),
    import('./nearest.ts'),
  ]);
  const checker = callChecker(catalogue, nearestFinder());
  return (name: string, action: ActionSpec) => {
    if (action.kind !== 'call') return [];
    const complaints = checker.check(action.uses, action.with, ['processors', name], 'fixed');
    return complaints.map(({ message, hint }) => ({ file: '', line: 0, column: 0, message, hint }));
  };
}
