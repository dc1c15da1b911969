import { UsageError } from '../usage.ts';
import { askSecret } from './secret-input.ts';

/** Twice on a terminal, where nobody sees what is typed; a line of standard input where there is none. */
export async function askNewPassword(name: string): Promise<string> {
  const password = await askSecret(`Password of ${name}: `);
  if (!process.stdin.isTTY) return password;
  if ((await askSecret('Once more: ')) !== password) throw new UsageError('the two passwords differ');
  return password;
}
