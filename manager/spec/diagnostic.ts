import { type Diagnostic, WizError } from '../../proto/error.ts';

/** `pipeline.yaml:12:5: unknown key "need" in processor "parse". Did you mean "needs"?` */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, message, hint } = diagnostic;
  const place = [file, ...(line > 0 ? [line, column] : [])].filter((part) => part !== '').join(':');
  const sentence = /[.?!]$/.test(message) ? message : `${message}.`;
  return `${place === '' ? '' : `${place}: `}${sentence}${hint === '' ? '' : ` ${hint}`}`;
}

/** The error of bad input: its message is the only diagnostic, or says how many there are and where. `count` is
 *  how many were found when not all are carried. */
export function badInput(diagnostics: readonly Diagnostic[], count = diagnostics.length): WizError {
  const [first, ...others] = diagnostics;
  if (first === undefined) throw new WizError('internal', 'badInput was called without a diagnostic.');
  if (others.length === 0) {
    return new WizError('invalid_argument', formatDiagnostic(first), { diagnostics });
  }
  const files = [...new Set(diagnostics.map((diagnostic) => diagnostic.file))].filter((file) => file !== '');
  const where = files.length === 0 ? '' : ` in ${files.join(', ')}`;
  return new WizError('invalid_argument', `${count} errors${where}.`, { diagnostics });
}
