import fs from 'node:fs';
import path from 'node:path';
import type { AttemptSecrets } from '../secrets/secrets.ts';

/** Bytes read at once: what a redactor is fastest with. */
const CHUNK_BYTES = 65_536;

/**
 * Where below `folder` the value of a secret is, as a relative path and the end of a sentence; undefined when it is nowhere.
 * Values are looked for in contents, names and the targets of links, in all spellings that redaction knows, but not within
 * archives and other packed content.
 */
export async function findSecret(
  folder: string,
  secrets: AttemptSecrets,
): Promise<{ path: string; fault: string } | undefined> {
  const shows = (text: string) => secrets.redactText(text) !== text;
  for await (const entry of walk(folder, '')) {
    if (shows(entry.name)) {
      return { path: secrets.redactText(entry.path), fault: 'has the value of a secret in its name' };
    }
    const at = path.join(folder, entry.path);
    const found = entry.link
      ? shows(await fs.promises.readlink(at))
      : entry.file && (await inContent(at, secrets));
    if (found) return { path: entry.path, fault: 'has the value of a secret' };
  }
}

interface Entry {
  path: string;
  name: string;
  file: boolean;
  link: boolean;
}

async function* walk(folder: string, below: string): AsyncIterable<Entry> {
  const entries = await fs.promises.readdir(path.join(folder, below), { withFileTypes: true });
  for (const entry of entries) {
    const at = path.join(below, entry.name);
    yield { path: at, name: entry.name, file: entry.isFile(), link: entry.isSymbolicLink() };
    if (entry.isDirectory()) yield* walk(folder, at);
  }
}

async function inContent(file: string, secrets: AttemptSecrets): Promise<boolean> {
  const redactor = secrets.redactor();
  for await (const chunk of fs.createReadStream(file, { highWaterMark: CHUNK_BYTES })) {
    redactor.push(chunk);
    if (redactor.changed()) return true;
  }
  redactor.end();
  return redactor.changed();
}
