import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Document } from 'yaml';
import { type Diagnostic, WizError } from '../../proto/error.ts';
import { badInput } from '../spec/diagnostic.ts';
import { type PlainDocument, plainDocument } from '../spec/document.ts';
import { describe } from '../spec/explain.ts';
import { nearestFinder } from '../spec/nearest.ts';
import { Places } from '../spec/places.ts';
import { reporter } from '../spec/reporter.ts';
import { type Report, readText } from '../spec/source.ts';
import { syntaxErrors } from '../spec/syntax.ts';
import { readDocuments } from '../spec/yaml-documents.ts';

/** wiz.yaml as it is written. */
export interface ConfigFile {
  /** As it was named. */
  path: string;
  /** Absolute folder that its relative paths refer to. */
  folder: string;
  root: Record<string, unknown>;
  /** What is wrong at the key or the value of a path. */
  at(place: 'key' | 'value', path: readonly (string | number)[], message: string, hint: string): Diagnostic;
  problems: Diagnostic[];
}

/** Throws WizError for a file that cannot be read or is no map; what else is wrong is in `problems`. */
export function readConfigFile(path: string): ConfigFile {
  const read = readText({ path, content: contentOf(path) }, 'wiz.yaml');
  if ('problem' in read) throw badInput([read.problem]);
  const report = reporter(path, read.text);
  const yaml = readDocuments(read.text);
  if ('tooDeepAt' in yaml) throw badInput([report(yaml.tooDeepAt, 'maps and lists are nested too deep', '')]);
  const [document, second] = yaml.documents;
  const syntax = yaml.documents.flatMap((one) => syntaxErrors(one, report));
  if (syntax.length > 0) throw badInput(syntax);
  if (second !== undefined) {
    throw badInput([
      report(second.range[0], 'there is a second document', 'wiz.yaml is one document: remove the ---.'),
    ]);
  }
  const plain = plainOf(document, report);
  const { root, places } = plain;
  if (typeof root !== 'object' || root === null || Array.isArray(root)) {
    throw badInput([
      report(places.valueAt(root, []), `wiz.yaml must be a map of settings, not ${describe(root)}`, ''),
    ]);
  }
  return {
    path,
    folder: dirname(resolve(path)),
    root: root as Record<string, unknown>,
    at: (place, at, message, hint) =>
      report(place === 'key' ? places.keyAt(root, at) : places.valueAt(root, at), message, hint),
    problems: plain.problems.map(({ offset, message, hint }) => report(offset, message, hint)),
  };
}

/** A file with nothing in it has no settings. */
function plainOf(
  document: Document.Parsed | undefined,
  report: Report,
): Pick<PlainDocument, 'root' | 'places' | 'problems'> {
  const position = (offset: number) => report(offset, '', '');
  if (document === undefined) return { root: {}, places: new Places(0), problems: [] };
  const plain = plainDocument(document, position, nearestFinder());
  return plain.root === null ? { ...plain, root: {} } : plain;
}

function contentOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const missing = code === 'ENOENT';
    throw new WizError(
      missing ? 'not_found' : 'unavailable',
      `The configuration file ${path} ${missing ? 'is not there' : `cannot be read (${code})`}.`,
      { cause },
    );
  }
}
