/** Bundled processors: each is listed with its options, and its example runs as it stands. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, test } from 'node:test';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

interface Published {
  name: string;
  description: string;
  exampleYaml: string;
  /** JSON Schema of `with`. */
  options: { properties: Record<string, { type?: string | string[]; enum?: string[]; default?: unknown }> };
}

/** Values for what an example leaves to the machine: a free port, a folder that is cleaned up. */
async function paramsFor(name: string): Promise<string[]> {
  if (name === 'file') return ['-p', `folder=${place.folder}`];
  if (name !== 'http') return [];
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return ['-p', `port=${port}`];
}

test('each is listed, shows its options with types and defaults, and its example runs', async () => {
  const all: Published[] = await place.json(['processors']);
  const names = all.map(({ name }) => name);
  assert.deepEqual(names, ['file', 'glob', 'http', 'json', 'noop', 'sleep']);
  place.write('read me.md', '# for glob\n');

  const works = async ({ name, description, exampleYaml, options }: Published) => {
    const shown = await place.out(['processors', name]);
    assert.ok(shown.startsWith(`${name}  ${description}\n`), shown);
    for (const [option, { type, enum: values = [], default: value }] of Object.entries(options.properties)) {
      const row = new RegExp(`^${option} +(.*)$`, 'm').exec(shown)?.[1] ?? assert.fail(`${option}: ${shown}`);
      const words = values.length > 0 ? values : type === 'boolean' || type === 'integer' ? [type] : [];
      for (const word of words) assert.ok(row.includes(word), row);
      if (value !== undefined) assert.ok(row.includes(JSON.stringify(value)), row);
    }
    const example = shown.split('EXAMPLE\n')[1]!;
    assert.equal(example.trimEnd(), exampleYaml.trimEnd());
    const file = place.write(`${name}.yaml`, example);
    const ran = await place.run(['run', file, ...(await paramsFor(name))]);
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  };
  await Promise.all(all.map(works));
});

test('options are checked by apply, at their place', async () => {
  place.write(
    'wrong.yaml',
    'name: wrong\nprocessors:\n  a:\n    uses: http\n    with:\n      url: http://x\n      methd: GET\n',
  );
  const { code, stderr } = await place.run(['pipeline', 'apply', 'wrong.yaml']);
  assert.equal(code, 2);
  assert.match(stderr, /^wrong\.yaml:7:7: unknown key "methd".*\n {2}Did you mean "method"\?$/m);
});
