/** Values between processors: of any form and size, whatever the boundaries of chunks. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

const root = join(import.meta.dirname, '../..');
const MIB = 1024 * 1024;

/** Random, and the same in every run; xorshift32. */
function randomBytes(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 0x9e3779b9;
  for (let at = 0; at < size; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}

const BYTES = randomBytes(MIB);
/** One, two, three and four bytes a sign, so that no power of two is a boundary between signs. */
const EMOJI = Buffer.from('x\u00e9\u20ac😀'.repeat(MIB / 10));

/** Writes a file to standard output in pieces that cut through signs, each of which is its own write. */
const SLICER = `import { readFileSync, writeSync } from 'node:fs';
const bytes = readFileSync(process.argv[2]);
const sizes = [1, 2, 3, 7, 4095, 65535, 65537, 5, 99991];
for (let at = 0, turn = 0; at < bytes.length; turn++) {
  const piece = bytes.subarray(at, at + sizes[turn % sizes.length]);
  for (let done = 0; done < piece.length; ) {
    try { done += writeSync(1, piece, done); } catch (error) { if (error.code !== 'EAGAIN') throw error; }
  }
  at += piece.length;
}
`;

/** Copies wiz.v1.Data from standard input to standard output, and tells on standard error what came. */
const SPEAKER = `import { create } from '${pathToFileURL(join(root, 'node_modules/@bufbuild/protobuf/dist/esm/index.js'))}';
import { sizeDelimitedDecodeStream, sizeDelimitedEncode } from '${pathToFileURL(join(root, 'node_modules/@bufbuild/protobuf/dist/esm/wire/index.js'))}';
import { DataSchema } from '${pathToFileURL(join(root, 'proto/gen/wiz/v1/data_pb.js'))}';
for await (const data of sizeDelimitedDecodeStream(DataSchema, process.stdin)) {
  const { case: form, value } = data.value;
  process.stderr.write(\`\${form} \${value?.length} \${data.mediaType}\\n\`);
  process.stdout.write(sizeDelimitedEncode(DataSchema, data));
}
`;

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function outputsOf(run = 'latest'): Promise<Map<string, Record<string, unknown> | undefined>> {
  const { processors } = await place.json(['runs', 'get', run]);
  return new Map(processors.map(({ name, output }: { name: string; output?: object }) => [name, output]));
}

test('1 MB of bytes and of emoji come back equal through every form', async () => {
  place.write('slice.mjs', SLICER);
  writeFileSync(join(place.folder, 'bytes'), BYTES);
  writeFileSync(join(place.folder, 'emoji'), EMOJI);
  place.write('speak.mjs', SPEAKER);
  place.write(
    'forms.yaml',
    `name: forms
processors:
  bytes: { program: [node, slice.mjs, bytes], data: bytes }
  bytes-back: { needs: bytes, run: tee bytes-back, data: bytes }
  text: { program: [node, slice.mjs, emoji], data: text }
  text-back: { needs: text, run: tee text-back, data: text }
  auto: { program: [node, slice.mjs, emoji] }
  auto-back: { needs: auto, run: tee auto-back, data: text }
  auto-bytes: { program: [node, slice.mjs, bytes] }
  auto-bytes-back: { needs: auto-bytes, run: tee auto-bytes-back, data: bytes }
  lines: { run: "node slice.mjs emoji; echo; echo last", data: lines }
  lines-back: { needs: lines, run: tee lines-back, data: lines }
  json: { program: [node, -e, "console.log(JSON.stringify({ text: fs.readFileSync('emoji', 'utf8') }))"], data: json }
  json-back: { needs: json, program: [node, -e, "fs.writeFileSync('json-back', JSON.parse(fs.readFileSync(0)).text)"], data: json }
  raw: { run: "node slice.mjs emoji | node -e 'fs.writeFileSync(process.env.WIZ_OUTPUT, JSON.stringify(fs.readFileSync(0, \\"utf8\\")))'" }
  raw-back: { needs: raw, run: "node -e 'fs.writeFileSync(\\"raw-back\\", JSON.parse(fs.readFileSync(process.env.WIZ_INPUT)).outputs.raw)'" }
  protobuf: { needs: [bytes, text], program: [node, speak.mjs], data: protobuf }
  message: { needs: bytes, program: [node, speak.mjs], data: protobuf }
  message-back: { needs: message, run: tee message-back, data: bytes }
  joined: { needs: protobuf, program: [node, -e, "const [a, b] = JSON.parse(fs.readFileSync(0)); fs.writeFileSync('joined-bytes', Buffer.from(a.base64, 'base64')); fs.writeFileSync('joined-text', b.text)"], data: json }
`,
  );
  await place.out(['run', 'forms.yaml']);
  const hashes = (names: string[]) =>
    Object.fromEntries(names.map((name) => [name, sha256(readFileSync(join(place.folder, name)))]));
  for (const [content, names] of [
    [BYTES, ['bytes-back', 'auto-bytes-back', 'message-back', 'joined-bytes']],
    [EMOJI, ['text-back', 'auto-back', 'json-back', 'raw-back', 'joined-text']],
    [Buffer.concat([EMOJI, Buffer.from('\nlast\n')]), ['lines-back']],
  ] as const) {
    assert.deepEqual(hashes([...names]), Object.fromEntries(names.map((name) => [name, sha256(content)])));
  }
  assert.match(
    await place.out(['runs', 'logs', 'latest', 'protobuf', '--stderr']),
    /^bytes 1048576 application\/octet-stream\ntext \d+ \n$/,
  );
});

test('a processor with a form reads its needs as the end of a pipe does', async () => {
  place.write(
    'pipe.yaml',
    `name: pipe
processors:
  a: { run: "printf 'b\\na\\nb\\n'", data: text }
  b: { run: "printf 'c\\na'", data: lines }
  sorted: { needs: [a, b], program: [sort, -u], data: lines }
  documents: { needs: [a, sorted], program: [wc, -l], data: json }
  counted: { needs: sorted, run: "paste -sd+", data: lines }
  silent: { needs: a, run: "wc -c" }
  instances: { each: "\${{ outputs.sorted }}", needs: sorted, run: "tr a-z A-Z", data: text }
  shouted: { needs: instances, run: "cat", data: json }
`,
  );
  await place.out(['run', 'pipe.yaml']);
  const outputs = await outputsOf();
  assert.deepEqual(JSON.parse(outputs.get('sorted')!.json as string), ['a', 'b', 'c']);
  assert.equal(outputs.get('counted')!.json, '["a+b+c"]');
  assert.deepEqual(JSON.parse(outputs.get('documents')!.json as string), 2);
  assert.equal((outputs.get('silent')!.text as string).trim(), '0');
  assert.deepEqual(
    (JSON.parse(outputs.get('shouted')!.json as string) as { text: string }[]).map(({ text }) => text),
    ['A', 'B', 'C'],
  );
});

test('wrong output is told with its place, and nothing is handed on', async () => {
  const cases: [string, string, RegExp][] = [
    [
      'json',
      `printf '{"a": 1,\\n  oops}'`,
      /standard output line 2 is not right JSON: it has "o" at byte 11/,
    ],
    ['json', `printf '[1, 2'`, /line 1 is not right JSON: it ends too early/],
    ['json', 'echo 1; echo 2', /line 2 .*"2" at byte 2/],
    ['json', `node -e 'process.stdout.write("[" + "1,".repeat(3e5) + "x]")'`, /line 1 .*"x" at byte 600001/],
    ['text', `printf 'ab\\xffcd'`, /not UTF-8 at byte 2, as data: text wants it/],
    ['lines', `printf 'ab\\n\\xe2\\x82'`, /not UTF-8 at byte 3, as data: lines/],
    [
      'protobuf',
      `printf '\\x20abc'`,
      /message 1 \(at byte 0\) says that it has 32 bytes, and the stream ends after 3/,
    ],
    ['protobuf', `printf '\\x04\\x12\\x02hi\\x03abc'`, /message 2 \(at byte 5\) is no wiz.v1.Data/],
    ['auto', `echo '{' > "$WIZ_OUTPUT"`, /WIZ_OUTPUT line 2 is not right JSON: it ends too early/],
  ];
  const processors = cases.map(
    ([form, script], i) =>
      `  p${i}: { data: ${form}, onFailure: warn, run: ${JSON.stringify(script)} }\n  after${i}: { needs: p${i}, run: 'echo "\${{ outputs.p${i} == null }}"' }\n`,
  );
  place.write('wrong.yaml', `name: wrong\nprocessors:\n${processors.join('')}`);
  await place.out(['run', 'wrong.yaml']);
  const { processors: ended } = await place.json(['runs', 'get', 'latest']);
  cases.forEach(([form, script, message], i) => {
    const { state, reason, message: told, output } = ended[2 * i];
    assert.deepEqual(
      [state, reason, output],
      ['PROCESSOR_STATE_FAILED', 'bad-output', undefined],
      `${form}: ${script}`,
    );
    assert.match(told, message);
    assert.equal(ended[2 * i + 1].output.text, 'true\n');
  });
});

test('nothing is an output too', async () => {
  place.write(
    'nothing.yaml',
    `name: nothing
processors:
  auto: { run: "true" }
  text: { run: "true", data: text }
  lines: { run: "true", data: lines }
  bytes: { run: "true", data: bytes }
  json: { run: "true", data: json }
  protobuf: { run: "true", data: protobuf }
  seen:
    needs: [auto, text, lines, bytes, json, protobuf]
    env: { ALL: "\${{ [outputs.auto, outputs.text, outputs.lines, outputs.bytes, outputs.json, outputs.protobuf] }}" }
    run: 'echo "$ALL"; wc -c'
    data: bytes
`,
  );
  await place.out(['run', 'nothing.yaml']);
  const log = await place.out(['runs', 'logs', 'latest', 'seen']);
  assert.deepEqual(JSON.parse(log.split('\n')[0]!), [
    null,
    { text: '', lines: [] },
    [],
    { base64: '', mediaType: 'application/octet-stream' },
    null,
    null,
  ]);
  assert.equal(log.split('\n')[1]!.trim(), '2', 'the list without lines');
});

test('50 MB go on without anybody noticing; 300 KiB are looked at in an expression', async () => {
  place.write(
    'large.yaml',
    `name: large
processors:
  make: { run: "head -c 50000000 /dev/zero | tr '\\\\0' y" }
  pass: { needs: make, run: "cat", data: text }
  count: { needs: pass, run: "tee >(sha256sum > sum) | wc -c", data: text }
  input: { needs: make, run: 'wc -c < "$WIZ_INPUT"', data: json }
  some: { run: "seq 50000" }
  look:
    needs: some
    when: \${{ size(outputs.some.text) > 262144 }}
    run: echo \${{ outputs.some.lines[49999] }} \${{ outputs.some.lines.size() }}
`,
  );
  await place.out(['run', 'large.yaml']);
  const outputs = await outputsOf();
  assert.equal((outputs.get('count')!.text as string).trim(), '50000000');
  assert.ok(Number(outputs.get('input')!.json) > 100_000_000, 'text and lines');
  assert.equal(outputs.get('look')!.text, '50000 50000\n');
  assert.deepEqual((outputs.get('make') as { file: { size: number } }).file.size, 50_000_000);
  assert.deepEqual(outputs.get('pass'), outputs.get('make'), 'kept once');
});

test('a value that is nested very deep harms nothing but what cannot take it', async () => {
  place.write(
    'deep.yaml',
    `name: deep
processors:
  deep: { run: "node -e 'process.stdout.write(\\"[\\".repeat(1e5) + \\"]\\".repeat(1e5))'", data: json }
  pass: { needs: deep, run: wc -c, data: json }
  look: { needs: deep, run: "echo \${{ toJson(outputs.deep) }}", onFailure: warn }
`,
  );
  await place.out(['run', 'deep.yaml']);
  const { processors } = await place.json(['runs', 'get', 'latest']);
  assert.equal(JSON.parse(processors[1].output.json), 200_000);
  assert.equal(processors[2].reason, 'bad-expression');
  const manifest = JSON.parse(await place.out(['runs', 'manifest', 'latest']));
  assert.equal(manifest.state, 'Succeeded');
});
