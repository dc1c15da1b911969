import { ROOT_NAMES } from '../expressions/compile.ts';
import { type Expr, parseSource } from '../expressions/parse-expression.ts';
import { Problem } from '../expressions/problem.ts';
import type { CallType } from './calls.ts';
import { mapOf, recordMaps, type TextComplaint } from './check-texts.ts';
import { createExpressionScope, type ExpressionScope } from './expression-scope.ts';
import { ANY, type Type, typePhrase } from './expression-types.ts';
import { HOOK_NAMES, HOOK_ROOTS } from './hook-scope.ts';
import { type Inference, inferType } from './infer-expression.ts';
import type { NearestFinder } from './nearest.ts';
import { isClosed, isExpression, type MacroPlace, scanMacros } from './scan-macros.ts';
import type { Path } from './subject.ts';

/**
 * What is wrong with the expressions of one pipeline, as it stands in the file and whatever its shape: syntax, names
 * that are not there or not known where they stand, and types as far as they are known. Loads the CEL library (15 ms
 * from the bundle, 130 ms from the sources), so import it only for a file that has expressions.
 */
export function checkExpressions(
  pipeline: Record<string, unknown>,
  nearest: NearestFinder,
  catalogue: readonly CallType[] = [],
): TextComplaint[] {
  return new Checker(pipeline, nearest, catalogue).check();
}

/** More complaints about one text help nobody. */
const MAX_PER_TEXT = 20;

/** Where a text stands, and so what its expressions may use. */
interface Place {
  /** undefined: of the pipeline as a whole. */
  processor: string | undefined;
  /** Key of the processor or pipeline, for sentences. */
  key: string;
  /** Its value is stored, or decides what is: no secrets. */
  isStored: boolean;
  /** Values of needs are known. */
  hasOutputs: boolean;
  hasItem: boolean;
  /** Of a hook: it is about an event, when all is done. */
  isHook?: boolean;
}

class Checker {
  readonly #pipeline: Record<string, unknown>;
  readonly #nearest: NearestFinder;
  readonly #scope: ExpressionScope;
  readonly #complaints: TextComplaint[] = [];

  constructor(pipeline: Record<string, unknown>, nearest: NearestFinder, catalogue: readonly CallType[]) {
    this.#pipeline = pipeline;
    this.#nearest = nearest;
    this.#scope = createExpressionScope(pipeline, catalogue, (source) => this.#quietType(source));
  }

  check(): TextComplaint[] {
    const { defaults, cache, processors, outputs, hooks } = this.#pipeline;
    const all = { processor: undefined, hasOutputs: false, hasItem: false };
    this.#walk(mapOf(defaults).env, ['defaults', 'env'], { ...all, key: 'defaults.env', isStored: false });
    this.#walk(mapOf(cache).key, ['cache', 'key'], { ...all, key: 'cache.key', isStored: true });
    for (const [name, processor] of Object.entries(mapOf(processors)))
      this.#processor(name, mapOf(processor));

    const end = { ...all, hasOutputs: true, isStored: true };
    const { files, records } = mapOf(outputs);
    this.#walk(files, ['outputs', 'files'], { ...end, key: 'outputs.files' });
    for (const [index, { rows }] of recordMaps(records).entries()) {
      const path = ['outputs', 'records', ...(Array.isArray(records) ? [index] : []), 'rows'];
      this.#whole(rows, path, { ...end, key: 'outputs.records' }, (type) =>
        ['text', 'boolean', 'integer', 'number'].includes(type.kind) ? 'a list of maps' : undefined,
      );
    }
    const told = { ...all, key: 'hooks', isStored: false, isHook: true };
    for (const [index, hook] of (Array.isArray(hooks) ? hooks : []).entries()) {
      const { webhook, command, run } = mapOf(hook);
      const { url, headers } = mapOf(webhook);
      this.#walk({ url, headers }, ['hooks', index, 'webhook'], told);
      this.#walk({ command, run }, ['hooks', index], told);
    }
    return this.#complaints;
  }

  #processor(name: string, processor: Record<string, unknown>): void {
    const path = ['processors', name];
    const before = { processor: name, isStored: true, hasOutputs: true, hasItem: false };
    this.#whole(processor.when, [...path, 'when'], { ...before, key: 'when' }, (type) =>
      type.kind === 'any' || type.kind === 'boolean' ? undefined : 'true or false',
    );
    const isNoList = (type: Type) =>
      ['text', 'boolean', 'integer', 'number'].includes(type.kind) ? 'a list' : undefined;
    this.#whole(processor.each, [...path, 'each'], { ...before, key: 'each' }, isNoList);
    for (const [axis, list] of Object.entries(mapOf(processor.matrix))) {
      this.#whole(list, [...path, 'matrix', axis], { ...before, key: 'matrix' }, isNoList);
    }
    const hasItem = processor.each !== undefined || processor.matrix !== undefined;
    const work = { ...before, isStored: false, hasItem };
    for (const key of ['run', 'program', 'with', 'env']) {
      this.#walk(processor[key], [...path, key], { ...work, key });
    }
    const cacheKey = mapOf(processor.cache).key;
    this.#walk(cacheKey, [...path, 'cache', 'key'], { ...work, key: 'cache.key', isStored: true });
  }

  #walk(value: unknown, path: Path, place: Place): void {
    if (typeof value === 'string') {
      if (!value.includes('${{')) return;
      const before = this.#complaints.length;
      for (const part of scanMacros(value)) {
        if (this.#complaints.length - before >= MAX_PER_TEXT) break;
        this.#expression(part, path, place);
      }
    } else if (typeof value === 'object' && value !== null) {
      const isList = Array.isArray(value);
      for (const [key, item] of Object.entries(value))
        this.#walk(item, [...path, isList ? Number(key) : key], place);
    }
  }

  /** A text whose one expression must have a certain type: `wanted` tells which when it surely has another. */
  #whole(value: unknown, path: Path, place: Place, wanted: (type: Type) => string | undefined): void {
    if (typeof value !== 'string' || !isExpression(value.trim())) {
      this.#walk(value, path, place);
      return;
    }
    const part = scanMacros(value).find(({ kind }) => kind === 'expression')!;
    const type = this.#expression(part, path, place);
    const want = type && wanted(type);
    if (want === undefined) return;
    const message = `"${place.key}" must be ${want}, and this is ${typePhrase(type!)}`;
    this.#complaints.push({ path, at: 'value', message, hint: '', occurrence: part.occurrence });
  }

  /** Its type; undefined when it cannot be read. */
  #expression(part: MacroPlace, path: Path, place: Place): Type | undefined {
    // Without an end it has a complaint of its own, see check-texts.ts.
    if (part.kind !== 'expression' || !isClosed(part)) return undefined;
    const source = part.text.slice('${{'.length, -'}}'.length);
    const { occurrence } = part;
    const complain = (message: string, hint = '', at = 0) => {
      const known = this.#complaints.some(
        (other) => other.message === message && other.occurrence === occurrence && other.path === path,
      );
      if (known) return;
      const offset = '${{'.length + at;
      this.#complaints.push({ path, at: 'value', message, hint, occurrence, offset });
    };
    let parsed: ReturnType<typeof parseSource>;
    try {
      parsed = parseSource(source);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      complain(
        `the expression \`${shorten(source.trim())}\` cannot be read`,
        problem.message,
        problem.offset,
      );
      return undefined;
    }
    const dashed = this.#scope.unquotedName(source);
    if (dashed !== undefined) {
      const { written, right, at } = dashed;
      complain(`"${written}" is a subtraction or a field of a field`, `Write ${right}.`, at);
      return undefined;
    }
    const positions = parsed.sourceInfo?.positions ?? {};
    const offsetOf = (expr: Expr) => {
      const at = positions[String(expr.id)] ?? 0;
      return expr.exprKind.case === 'selectExpr' && source[at] === '.' ? at + 1 : at;
    };
    const inference: Inference = {
      nearest: this.#nearest,
      complain: (expr, message, hint) => complain(message, hint, offsetOf(expr)),
      nameOf: (name, expr) =>
        this.#name(name, place, (message, hint) => complain(message, hint, offsetOf(expr))),
      keyOf: (root, key, expr) =>
        this.#key(root, key, place, (message, hint) => complain(message, hint, offsetOf(expr))),
    };
    try {
      return inferType(parsed.expr!, inference);
    } catch (error) {
      // The stack: the same expression is too deep to be evaluated.
      if (!(error instanceof RangeError)) throw error;
      complain(`the expression \`${shorten(source.trim())}\` is nested too deep`);
      return undefined;
    }
  }

  #name(name: string, place: Place, complain: Complain): Type | undefined {
    if (place.isHook) return this.#nameInHook(name, complain);
    if (name === 'item' || name === 'index') {
      if (!this.#checkItem(name, place, complain)) return ANY;
      return place.processor === undefined ? ANY : this.#scope.itemType(name, place.processor);
    }
    if (name === 'secrets') this.#checkStored(place, complain);
    if ((name === 'outputs' || name === 'files') && !place.hasOutputs) noOutputs(name, place, complain);
    const type = this.#scope.rootType(name);
    if (type !== undefined) return type;
    const owner = this.#scope.ownerOf(name);
    const near = this.#nearest(name, ROOT_NAMES);
    const hint =
      near !== undefined
        ? `Did you mean "${near}"?`
        : owner !== undefined
          ? `Did you mean ${owner}?`
          : `There are ${ROOT_NAMES.join(', ')}.`;
    complain(`there is nothing named "${name}"`, hint);
    return ANY;
  }

  #nameInHook(name: string, complain: Complain): Type | undefined {
    const type = HOOK_ROOTS[name] ?? (HOOK_NAMES.includes(name) ? this.#scope.rootType(name) : undefined);
    if (type !== undefined) return type;
    const near = this.#nearest(name, HOOK_NAMES);
    const hint = near === undefined ? `There are ${HOOK_NAMES.join(', ')}.` : `Did you mean "${near}"?`;
    complain(`there is nothing named "${name}" in hooks`, hint);
    return ANY;
  }

  #checkItem(name: string, place: Place, complain: Complain): boolean {
    if (place.hasItem) return true;
    if (['when', 'each', 'matrix'].includes(place.key) && place.processor !== undefined) {
      complain(`"${name}" is not known in "${place.key}"`, 'It is decided before there are instances.');
    } else if (place.processor === undefined) {
      complain(`"${name}" is not known in "${place.key}"`, 'Only instances of each or matrix have it.');
    } else {
      const message = `processor "${place.processor}" has no each or matrix, so there is no "${name}"`;
      complain(message, 'Add "each:" with a list.');
    }
    return false;
  }

  #checkStored(place: Place, complain: Complain): void {
    if (!place.isStored) return;
    const hint = 'Secrets work in with, env, program and run.';
    complain(`secrets cannot be used in "${place.key}", whose value is kept`, hint);
  }

  #key(root: string, key: string, place: Place, complain: Complain): Type | undefined {
    switch (root) {
      case 'params':
        return this.#declared('param', key, this.#scope.params, complain);
      case 'secrets':
        this.#checkStored(place, complain);
        if (place.isHook && mapOf(mapOf(this.#pipeline.secrets)[key]).command !== undefined) {
          complain(
            `hooks cannot use the secret "${key}", which only executors can find`,
            'Give it by env or file.',
          );
        }
        return this.#declared('secret', key, this.#scope.secrets, complain);
      case 'outputs':
      case 'files':
        if (place.isHook) return undefined;
        if (!place.hasOutputs) noOutputs(root, place, complain);
        else this.#checkUpstream(root, key, place, complain);
        return root === 'outputs' ? this.#scope.outputType(key) : this.#scope.filesType;
      default:
        return undefined;
    }
  }

  #declared(what: string, key: string, types: ReadonlyMap<string, Type>, complain: Complain): Type {
    const type = types.get(key);
    if (type !== undefined) return type;
    const names = [...types.keys()];
    const near = this.#nearest(key, names);
    const all = names.length === 0 ? `It declares no ${what}s.` : `It has ${names.slice(0, 30).join(', ')}.`;
    complain(`the pipeline has no ${what} "${key}"`, near === undefined ? all : `Did you mean "${near}"?`);
    return ANY;
  }

  #checkUpstream(root: string, name: string, { processor }: Place, complain: Complain): void {
    const names = this.#scope.processors;
    if (!names.has(name)) {
      const near = this.#nearest(name, [...names]);
      complain(
        `there is no processor "${name}" for ${root}.${name}`,
        near === undefined ? '' : `Did you mean "${near}"?`,
      );
    } else if (name === processor) {
      complain(`processor "${name}" cannot use its own ${root}`, 'They are there when it has ended.');
    } else if (processor !== undefined && !this.#scope.isUpstream(name, processor)) {
      const hint = this.#scope.isUpstream(processor, name)
        ? `It is the other way: "${name}" needs "${processor}".`
        : `Add "${name}" to needs of "${processor}".`;
      complain(`processor "${processor}" does not wait for "${name}", whose ${root} it uses`, hint);
    }
  }

  /** For the type of items: complaints about `each` itself come when it is walked. */
  #quietType(source: string): Type {
    try {
      const parsed = parseSource(source);
      return inferType(parsed.expr!, {
        nearest: () => undefined,
        complain: () => {},
        nameOf: (name) => this.#scope.rootType(name),
        keyOf: (root, key) => {
          if (root === 'params') return this.#scope.params.get(key);
          if (root === 'outputs') return this.#scope.outputType(key);
          return root === 'files' ? this.#scope.filesType : undefined;
        },
      });
    } catch {
      return ANY;
    }
  }
}

type Complain = (message: string, hint?: string) => void;

function noOutputs(root: string, place: Place, complain: Complain): void {
  complain(
    `${root} are not known in "${place.key}", which holds for every processor`,
    'Write it where it is used.',
  );
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
