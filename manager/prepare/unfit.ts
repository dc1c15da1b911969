import { FileStoreError } from '../../files/file-store.ts';
import type { Unready } from '../engine/preparation.ts';
import { ExpressionFailure } from '../expressions/expressions.ts';

/** Why a task cannot start, on its way up to the answer. */
export class Unfit extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.name = 'Unfit';
    this.reason = reason;
  }
}

/** The failure of a task that an error is. */
export function unready(error: unknown): Unready {
  const message = sentence(error instanceof Error ? error.message : String(error));
  if (error instanceof ExpressionFailure || error instanceof Unfit) {
    return { kind: 'fail', reason: error.reason, message };
  }
  if (error instanceof FileStoreError) return { kind: 'fail', reason: `file-${error.problem}`, message };
  return { kind: 'fail', reason: 'not-prepared', message };
}

function sentence(message: string): string {
  return message.replace(/\.$/, '');
}
