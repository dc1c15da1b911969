import { z } from 'zod';

/** What a setting has beside its schema. */
export interface SettingFacts {
  /** Environment variable that sets it. */
  environment?: string;
  /** A path, or an address with a path in it (sqlite:, folder:): relative ones are relative to the file, or to the working
   *  folder for the environment and flags. */
  kind?: 'path' | 'address';
  /** Never shown, and the variable is not passed on to programs. */
  secret?: boolean;
}

const registry = z.registry<SettingFacts>();

/** Marks a schema of one value: `setting(z.string(), { environment: 'WIZ_X' })`. Wrap it afterwards (`.optional()`). */
export function setting<Schema extends z.ZodType>(schema: Schema, facts: SettingFacts): Schema {
  registry.add(schema, facts);
  return schema;
}

/** Facts of a schema, or of what it wraps. */
export function factsOf(schema: z.ZodType | undefined): SettingFacts {
  for (let inner = schema; inner !== undefined; inner = wrapped(inner)) {
    const facts = registry.get(inner);
    if (facts !== undefined) return facts;
  }
  return {};
}

/** The description of a schema, or of what it wraps. */
export function descriptionOf(schema: z.ZodType): string {
  for (let inner: z.ZodType | undefined = schema; inner !== undefined; inner = wrapped(inner)) {
    const { description } = inner.meta() ?? {};
    if (description !== undefined) return description;
  }
  return '';
}

/** What a schema adds a default, a check or a conversion to; undefined when it stands for itself. */
function wrapped(schema: z.ZodType): z.ZodType | undefined {
  const { def } = schema as unknown as { def: { innerType?: z.ZodType; in?: z.ZodType } };
  return def.innerType ?? def.in;
}

/** The innermost schemas that a value may have: the branches of a union. */
export function cores(schema: z.ZodType): z.ZodType[] {
  const inner = wrapped(schema);
  if (inner !== undefined) return cores(inner);
  if (schema instanceof z.ZodUnion) return (schema.options as z.ZodType[]).flatMap(cores);
  return [schema];
}

/** The schema of one step down: a key of a map, an item of a list. */
function below(schema: z.ZodType, step: string | number): z.ZodType | undefined {
  for (const core of cores(schema)) {
    if (core instanceof z.ZodObject && Object.hasOwn(core.shape, step)) return core.shape[step];
    if (core instanceof z.ZodRecord && typeof step === 'string') return core.valueType as z.ZodType;
    if (core instanceof z.ZodArray && typeof step === 'number') return core.element as z.ZodType;
  }
  return undefined;
}

export function schemaAt(root: z.ZodType, path: readonly (string | number)[]): z.ZodType | undefined {
  let schema: z.ZodType | undefined = root;
  for (const step of path) schema = schema && below(schema, step);
  return schema;
}

/** Keys that may stand at a path; empty where names are free. */
export function keysAt(root: z.ZodType, path: readonly (string | number)[]): string[] {
  const schema = schemaAt(root, path);
  if (schema === undefined) return [];
  return cores(schema).flatMap((core) => (core instanceof z.ZodObject ? Object.keys(core.shape) : []));
}

export interface Setting {
  path: string[];
  schema: z.ZodType;
  facts: SettingFacts;
}

/** Every setting of a schema: what is no map of fixed keys. */
export function settingsOf(root: z.ZodType, path: string[] = []): Setting[] {
  const keys = keysAt(root, []);
  const isMap = keys.length > 0 && Object.keys(factsOf(root)).length === 0;
  if (!isMap) return [{ path, schema: root, facts: factsOf(root) }];
  return keys.flatMap((key) => settingsOf(below(root, key)!, [...path, key]));
}
