import type { CallType } from './calls.ts';
import { inferType as paramType } from './check-params.ts';
import { mapOf, namesOf } from './check-texts.ts';
import {
  ANY,
  BOOLEAN,
  BYTES_OUTPUT,
  FILE,
  INTEGER,
  listOf,
  mapOfType,
  NUMBER,
  RUN,
  record,
  TEXT,
  TEXT_OUTPUT,
  type Type,
  typeOfSchema,
  typeOfValue,
} from './expression-types.ts';
import { isExpression } from './scan-macros.ts';

/** What the expressions of one pipeline can refer to, and what is known of it. */
export interface ExpressionScope {
  params: ReadonlyMap<string, Type>;
  secrets: ReadonlyMap<string, Type>;
  processors: ReadonlySet<string>;
  /** Of files.NAME. */
  filesType: Type;
  /** undefined for a name that stands for nothing. */
  rootType(name: string): Type | undefined;
  outputType(processor: string): Type;
  itemType(name: 'item' | 'index', processor: string): Type;
  /** One processor waits for the other, directly or through others. */
  isUpstream(upstream: string, downstream: string): boolean;
  /** `params.x` for the name of a param x, and so on. */
  ownerOf(name: string): string | undefined;
  /** A name that has to be in quotes, written as a field: outputs.a-b. */
  unquotedName(source: string): { written: string; right: string; at: number } | undefined;
}

/** Cycles of `each` over each other, and long chains of it, end here. */
const MAX_DEPTH = 50;

export function createExpressionScope(
  pipeline: Record<string, unknown>,
  catalogue: readonly CallType[],
  typeOfSource: (source: string) => Type,
): ExpressionScope {
  const processors = mapOf(pipeline.processors);
  const params = new Map(
    Object.entries(mapOf(pipeline.params)).map(([name, param]) => [name, typeOfParam(param)]),
  );
  const secrets = new Map(
    namesOf(pipeline.secrets).map((name): [string, Type] => [name, { kind: 'secret' }]),
  );
  const schemas = new Map(catalogue.map(({ name, outputSchemaJson }) => [name, outputSchemaJson ?? '']));
  const outputs = new Map<string, Type>();
  const items = new Map<string, Type>();
  const filesType = mapOfType(FILE);
  const roots = new Map<string, Type>([
    ['params', { kind: 'map', fields: Object.fromEntries(params) }],
    ['context', mapOfType(TEXT)],
    ['outputs', mapOfType(ANY)],
    ['files', mapOfType(filesType)],
    ['run', RUN],
    ['state', mapOfType(ANY)],
    ['secrets', { kind: 'map', fields: Object.fromEntries(secrets) }],
  ]);
  for (const name of 'int uint double bool string bytes list map null_type type'.split(' '))
    roots.set(name, ANY);
  const oddNames = oddNamesOf({
    params: [...params.keys()],
    outputs: Object.keys(processors),
    secrets: [...secrets.keys()],
  });
  let depth = 0;

  /** Remembered, and any where it depends on itself. */
  const remembered = (known: Map<string, Type>, name: string, find: () => Type): Type => {
    const type = known.get(name);
    if (type !== undefined || depth > MAX_DEPTH) return type ?? ANY;
    known.set(name, ANY);
    depth++;
    const found = find();
    depth--;
    known.set(name, found);
    return found;
  };

  const listItems = (value: unknown): Type => {
    const type =
      typeof value === 'string' && isExpression(value.trim())
        ? typeOfSource(value.trim().slice('${{'.length, -'}}'.length))
        : typeOfValue(value);
    if (type.kind === 'list') return type.items;
    if (type === TEXT_OUTPUT) return TEXT;
    return type.kind === 'map' ? record({ key: TEXT, value: type.others ?? ANY }) : ANY;
  };

  return {
    params,
    secrets,
    filesType,
    processors: new Set(Object.keys(processors)),
    rootType: (name) => roots.get(name),
    outputType: (name) =>
      remembered(outputs, name, () => {
        const processor = mapOf(processors[name]);
        const type = typeOfOutput(processor, schemas);
        return processor.each === undefined && processor.matrix === undefined ? type : listOf(type);
      }),
    itemType: (name, processor) => {
      if (name === 'index') return INTEGER;
      return remembered(items, processor, () => {
        const { each, matrix } = mapOf(processors[processor]);
        if (matrix === undefined) return listItems(each);
        return record(
          Object.fromEntries(Object.entries(mapOf(matrix)).map(([axis, list]) => [axis, listItems(list)])),
        );
      });
    },
    isUpstream: (upstream, downstream) => isUpstream(processors, upstream, downstream),
    ownerOf: (name) => {
      if (params.has(name)) return `params.${name}`;
      if (Object.hasOwn(processors, name)) return `outputs.${name}`;
      if (secrets.has(name)) return `secrets.${name}`;
      return Object.hasOwn(mapOf(pipeline.context), name) ? `context.${name}` : undefined;
    },
    unquotedName: (source) => {
      for (const { root, name } of oddNames) {
        for (const owner of root === 'outputs' ? ['outputs', 'files'] : [root]) {
          const written = `${owner}.${name}`;
          const at = source.indexOf(written);
          if (
            at === -1 ||
            /[\w.]/.test(source[at - 1] ?? '') ||
            /[\w-]/.test(source[at + written.length] ?? '')
          )
            continue;
          return { written, right: `${owner}["${name}"]`, at };
        }
      }
      return undefined;
    },
  };
}

/** Names that are no fields of CEL, the longest first. */
function oddNamesOf(names: Record<string, string[]>): { root: string; name: string }[] {
  const odd = Object.entries(names).flatMap(([root, all]) =>
    all.filter((name) => !/^[A-Za-z_]\w*$/.test(name)).map((name) => ({ root, name })),
  );
  return odd.sort((a, b) => b.name.length - a.name.length);
}

function typeOfParam(param: unknown): Type {
  const map = typeof param === 'object' ? mapOf(param) : { default: param };
  const allowed = Array.isArray(map.enum) ? map.enum : undefined;
  switch (
    map.type ??
    paramType({ default: map.default, ...(allowed === undefined ? {} : { enum: allowed }) })
  ) {
    case 'string':
      return TEXT;
    case 'number':
      return NUMBER;
    case 'integer':
      return INTEGER;
    case 'boolean':
      return BOOLEAN;
    default:
      return ANY;
  }
}

/** What a program writes to WIZ_OUTPUT is its output whatever `data` says. */
function typeOfOutput(processor: Record<string, unknown>, schemas: ReadonlyMap<string, string>): Type {
  const { uses, run, data } = processor;
  if (typeof uses === 'string') {
    const schema = schemas.get(uses);
    if (schema === undefined || schema === '') return ANY;
    try {
      return typeOfSchema(JSON.parse(schema));
    } catch {
      return ANY;
    }
  }
  if (typeof run === 'string' && run.includes('WIZ_OUTPUT')) return ANY;
  switch (data) {
    case 'text':
      return TEXT_OUTPUT;
    case 'lines':
      return listOf(TEXT);
    case 'bytes':
      return BYTES_OUTPUT;
    default:
      return ANY;
  }
}

function isUpstream(processors: Record<string, unknown>, upstream: string, downstream: string): boolean {
  const seen = new Set([downstream]);
  // A set is walked in the order of insertion, also over what is added on the way.
  for (const name of seen) {
    const { needs } = mapOf(Object.hasOwn(processors, name) ? processors[name] : undefined);
    for (const need of typeof needs === 'string' ? [needs] : Array.isArray(needs) ? needs : []) {
      if (need === upstream) return true;
      if (typeof need === 'string') seen.add(need);
    }
  }
  return false;
}
