/** Text that is typed, or given, and not shown. */
import { UsageError } from '../usage.ts';

/** Asks on a terminal without showing what is typed; reads a line of standard input where there is none. */
export async function askSecret(question: string): Promise<string> {
  if (!process.stdin.isTTY) return firstLine(Buffer.concat(await process.stdin.toArray()).toString('utf8'));
  return ask(question, false);
}

/** Asks on a terminal. Throws UsageError where there is none. */
export async function askText(question: string, otherwise: string): Promise<string> {
  if (!process.stdin.isTTY) throw new UsageError(`${question.replace(/:? ?$/, '')}?`, otherwise);
  return ask(question, true);
}

export function firstLine(text: string): string {
  return text.split(/\r?\n/)[0]!.trim();
}

async function ask(question: string, shown: boolean): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const { Writable } = await import('node:stream');
  process.stderr.write(question);
  // What readline echoes goes nowhere when it is a secret.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: process.stdin,
    output: shown ? process.stderr : silent,
    terminal: true,
  });
  lines.on('SIGINT', () => {
    process.stderr.write('\n');
    process.exit(130);
  });
  try {
    return (await lines.question('')).trim();
  } finally {
    lines.close();
    if (!shown) process.stderr.write('\n');
  }
}
