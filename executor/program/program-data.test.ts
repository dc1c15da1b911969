import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { createDataDecoder, encodeDelimited } from '../../proto/data-codec.ts';
import { type Data, DataForm, DataSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import {
  FailureClass,
  type NeedResult,
  NeedResultSchema,
  Outcome,
  type Report,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import { bash, createFixture, fileOutput } from './program-fixture.ts';

function assertFailed(
  report: Report,
  reason: string,
  message: RegExp,
  failureClass = FailureClass.APP,
): void {
  assert.equal(report.outcome, Outcome.FAILED, 'it succeeded');
  assert.equal(report.reason, reason, report.message);
  assert.match(report.message, message);
  assert.equal(report.failureClass, failureClass);
}

function need(
  processor: string,
  value: Data['value'],
  more: MessageInitShape<typeof DataSchema> = {},
): NeedResult {
  return create(NeedResultSchema, {
    processor,
    output: { ...more, value } as MessageInitShape<typeof DataSchema>,
  });
}

const json = (value: unknown) => ({ case: 'json' as const, value: JSON.stringify(value) });
const text = (value: string) => ({ case: 'text' as const, value });
/** The form is for standard input alone. */
const cat = bash('cat; echo 0 > "$WIZ_OUTPUT"');

for (const kind of ['native', 'portable'] as const) {
  describe(`data of programs by the ${kind} spawner`, async () => {
    const { run, folder, data } = await createFixture({ after }, kind);
    const { store } = data.files;
    const write = (name: string, content: string | Uint8Array) =>
      fs.writeFileSync(path.join(folder, name), content);
    const stored = async (content: string | Uint8Array): Promise<Data['value']> => ({
      case: 'file',
      value: create(DataSchema, {
        value: { case: 'file', value: await store.putBytes(Buffer.from(content)) },
      }).value.value as never,
    });
    const given = (dataForm: DataForm, needs: NeedResult[]) => ({ assignment: { dataForm, needs } });
    const stdinOf = async (dataForm: DataForm, needs: NeedResult[]): Promise<Buffer> => {
      const { stdout, report } = await run(cat, given(dataForm, needs));
      assert.equal(report.outcome, Outcome.SUCCEEDED, `${report.reason} ${report.message}`);
      return stdout;
    };

    test('standard output is read by its form', async () => {
      const outputOf = async (dataForm: DataForm, script: string) =>
        (await run(bash(script), { assignment: { dataForm } })).report.output?.value;
      assert.deepEqual(await outputOf(DataForm.JSON, 'echo " [1, 2]"'), { case: 'json', value: ' [1, 2]\n' });
      assert.equal(await outputOf(DataForm.JSON, 'true'), undefined);
      assert.deepEqual(await outputOf(DataForm.TEXT, 'true'), text(''));
      assert.deepEqual(await outputOf(DataForm.TEXT, 'echo "[1"'), text('[1\n'));
      assert.deepEqual(await outputOf(DataForm.LINES, 'printf "a\\r\\n\\nb"'), json(['a', '', 'b']));
      assert.deepEqual(await outputOf(DataForm.LINES, 'true'), json([]));
      assert.deepEqual(await outputOf(DataForm.BYTES, 'printf abc'), {
        case: 'bytes',
        value: new Uint8Array([97, 98, 99]),
      });
      assert.deepEqual(await outputOf(DataForm.JSON, 'echo no; echo 1 > "$WIZ_OUTPUT"'), {
        case: 'json',
        value: '1\n',
      });
    });

    test('output of another form fails with the place', async () => {
      const failing = async (dataForm: DataForm, script: string) =>
        (await run(bash(script), { assignment: { dataForm } })).report;
      const large = 'head -c 600000 /dev/zero | tr "\\0" "1"';
      assertFailed(
        await failing(DataForm.JSON, 'printf "{\\n\\"a\\": }"'),
        'bad-output',
        /standard output line 2 .*"}"/,
      );
      assertFailed(await failing(DataForm.JSON, `${large}; echo; echo x`), 'bad-output', /line 2 .*"x"/);
      assertFailed(
        await failing(DataForm.TEXT, 'printf "ab\\377"'),
        'bad-output',
        /not UTF-8 at byte 2, .*data: text/,
      );
      assertFailed(
        await failing(DataForm.LINES, `${large}; printf "\\377"`),
        'bad-output',
        /at byte 600000, /,
      );
      assertFailed(
        await failing(DataForm.PROTOBUF, 'echo hello'),
        'bad-output',
        /message 1 \(at byte 0\) .*ends after 5/,
      );
      assertFailed(
        await failing(DataForm.PROTOBUF, 'printf "\\377\\377\\377\\377\\377\\377"'),
        'bad-output',
        /varint/,
      );
      assertFailed(
        await failing(DataForm.PROTOBUF, 'printf "\\xff\\xff\\xff\\xff\\x0f"'),
        'bad-output',
        /may have 67108864/,
      );
      write('json-message', encodeDelimited(create(DataSchema, { value: { case: 'json', value: '[1' } })));
      assertFailed(
        await failing(DataForm.PROTOBUF, 'cat json-message'),
        'bad-output',
        /message 1 .*ends too early/,
      );
      write('file-message', encodeDelimited(create(DataSchema, { value: { case: 'file', value: {} } })));
      assertFailed(
        await failing(DataForm.PROTOBUF, 'cat file-message'),
        'bad-output',
        /leave files in WIZ_FILES/,
      );
    });

    test('messages: one is the output, of several the list, of none nothing', async () => {
      const messages = [
        text('zwölf 😀'),
        json({ a: 1 }),
        { case: 'bytes' as const, value: new Uint8Array([0, 255]) },
      ];
      const outputOf = async (values: Data['value'][]) => {
        write(
          'messages',
          Buffer.concat(values.map((value) => encodeDelimited(create(DataSchema, { value })))),
        );
        return (await run(['cat', 'messages'], { assignment: { dataForm: DataForm.PROTOBUF } })).report
          .output;
      };
      assert.equal(await outputOf([]), undefined);
      assert.deepEqual((await outputOf(messages.slice(0, 1)))?.value, messages[0]);
      const list = (await outputOf(messages))?.value;
      assert.deepEqual(JSON.parse(list?.value as string), [
        { text: 'zwölf 😀', lines: ['zwölf 😀'] },
        { a: 1 },
        { base64: 'AP8=', mediaType: '' },
      ]);
    });

    test('large messages are files, and equal what was written', async () => {
      const bytes = crypto.randomBytes(900_001);
      const large = create(DataSchema, { value: { case: 'bytes', value: bytes }, mediaType: 'image/x' });
      const assignment = { dataForm: DataForm.PROTOBUF };
      write('one', encodeDelimited(large));
      const one = (await run(['cat', 'one'], { assignment })).report;
      assert.deepEqual([one.output?.form, one.output?.mediaType], [DataForm.BYTES, 'image/x']);
      assert.ok(bytes.equals(await store.readBytes(fileOutput(one).hash)));
      write('two', Buffer.concat([encodeDelimited(large), encodeDelimited(large)]));
      const two = (await run(['cat', 'two'], { assignment })).report;
      const list = JSON.parse(Buffer.from(await store.readBytes(fileOutput(two).hash)).toString());
      assert.equal(list.length, 2);
      assert.ok(bytes.equals(Buffer.from(list[1].base64, 'base64')));

      const again = await stdinOf(DataForm.PROTOBUF, [
        create(NeedResultSchema, { processor: 'a', output: one.output }),
      ]);
      const decoder = createDataDecoder();
      const [back] = decoder.push(again);
      decoder.end();
      assert.ok(bytes.equals(back!.value.value as Uint8Array));
      assert.equal(back!.mediaType, 'image/x');
    });

    test('standard input has what the needs left, by form', async () => {
      const needs = [
        need('list', text('a\r\nb')),
        need('parse', json([1, 'x\ny'])),
        need('none', { case: undefined }),
      ];
      const [list] = needs;
      const read = async (form: DataForm, some = needs) => (await stdinOf(form, some)).toString();
      assert.equal(await read(DataForm.JSON, [list!]), '{"text":"a\\r\\nb","lines":["a","b"]}');
      assert.equal(await read(DataForm.JSON), '{"text":"a\\r\\nb","lines":["a","b"]}\n[1,"x\\ny"]\nnull\n');
      assert.equal(await read(DataForm.TEXT), 'a\r\nb[1,"x\\ny"]');
      assert.equal(await read(DataForm.LINES), 'a\nb\n1\nx\ny\n');
      assert.equal(
        await read(DataForm.BYTES, [need('b', { case: 'bytes', value: new Uint8Array([97, 10]) })]),
        'a\n',
      );
      const messages = createDataDecoder().push(await stdinOf(DataForm.PROTOBUF, needs));
      assert.deepEqual(
        messages.map(({ value }) => value),
        needs.map(({ output }) => output!.value),
      );
      assert.equal(await read(DataForm.UNSPECIFIED), '');
    });

    test('of a need with instances, standard input has what each of them left', async () => {
      const text = { text: 'a\r\nb', lines: ['a', 'b'] };
      const bytes = { base64: Buffer.from([255, 10]).toString('base64'), mediaType: '' };
      const left = [text, null, ['c', 'd'], 'e', [1], bytes];
      const instances = { instances: true };
      const inline = { ...need('parse', json(left)), ...instances };
      const kept = {
        ...need('parse', await stored(JSON.stringify(left)), { form: DataForm.JSON }),
        ...instances,
      };
      for (const one of [inline, kept]) {
        const read = async (form: DataForm, needs = [one]) => (await stdinOf(form, needs)).toString('latin1');
        assert.equal(await read(DataForm.LINES), 'a\nb\nc\nd\ne\n1\n\xff\n');
        assert.equal(await read(DataForm.BYTES), 'a\r\nb["c","d"]e[1]\xff\n');
        assert.equal(
          await read(DataForm.LINES, [need('x', json([[2]])), one]),
          `[2]\n${await read(DataForm.LINES)}`,
        );
        assert.deepEqual(JSON.parse(await read(DataForm.JSON)), left);
      }
    });

    test('an instance has its item as standard input, and its name in two variables', async () => {
      const inputJson = '{"params":{},"context":{},"item":"zwölf 😀","index":7}';
      const assignment = { dataForm: DataForm.TEXT, inputJson, needs: [need('other', text('not this'))] };
      const { report } = await run(bash('cat; echo " $WIZ_PROCESSOR $WIZ_INDEX"'), {
        processor: 'parse[7]',
        assignment,
      });
      assert.deepEqual(report.output?.value, text('zwölf 😀 parse 7\n'));
      assert.equal(report.processor, 'parse[7]');
      const plain = await run(bash('echo "[${WIZ_INDEX-none}]"'));
      assert.deepEqual(plain.report.output?.value, text('[none]\n'));
    });

    test('large values come to a program as they left another, in every form', async () => {
      const line = 'zwölf 😀 Boxkämpfer 🥊';
      const lines = Array.from({ length: 40_000 }, (_, n) => `${line} ${n}`);
      write('large', `${lines.join('\n')}\n`);
      const left = async (dataForm: DataForm) => {
        const { report } = await run(['cat', 'large'], { assignment: { dataForm } });
        assert.ok(fileOutput(report).size > 1_000_000);
        return create(NeedResultSchema, { processor: 'large', output: report.output });
      };
      const asText = await left(DataForm.UNSPECIFIED);
      const asLines = await left(DataForm.LINES);
      assert.deepEqual([asText.output?.form, asLines.output?.form], [DataForm.TEXT, DataForm.LINES]);
      const whole = `${lines.join('\n')}\n`;
      assert.ok((await stdinOf(DataForm.TEXT, [asText])).toString() === whole);
      assert.ok((await stdinOf(DataForm.TEXT, [asText, asText])).toString() === whole + whole);
      assert.ok((await stdinOf(DataForm.LINES, [asLines])).toString() === whole);
      assert.deepEqual(JSON.parse((await stdinOf(DataForm.JSON, [asLines])).toString()), lines);

      const { stdout, report } = await run(bash('cat "$WIZ_INPUT"'), {
        assignment: { needs: [asText, asLines] },
      });
      assert.equal(report.usage?.inputBytes, stdout.length);
      const { outputs } = JSON.parse(stdout.toString());
      assert.deepEqual(Object.keys(outputs), ['large']);
      const { text: seen } = JSON.parse((await stdinOf(DataForm.JSON, [asText])).toString());
      assert.ok(seen === whole);
    });

    test('a value in the store is standard input as it is', async () => {
      const value = await stored('hello');
      const seen = await run(bash('readlink /proc/self/fd/0; cat'), {
        assignment: { dataForm: DataForm.TEXT, needs: [need('a', value, { form: DataForm.TEXT })] },
      });
      const hash = (value.value as { hash: string }).hash;
      assert.deepEqual(seen.report.output?.value, text(`${store.pathOf(hash)}\nhello`));
    });

    test('a large output whose program writes WIZ_OUTPUT is only in the log', async () => {
      const { report, stdout } = await run(bash('head -c 1000000 /dev/zero; echo 5 > "$WIZ_OUTPUT"'));
      assert.deepEqual(report.output?.value, { case: 'json', value: '5\n' });
      assert.equal(stdout.length, 1_000_000);
    });
  });
}

test('WIZ_PARENT_CONTEXT has the context, when there is one', async (t) => {
  const { run } = await createFixture(t);
  const seen = async (inputJson: string) => {
    const more = { environment: { TEAM: 'platform', ROOT: '/x' }, assignment: { inputJson } };
    return (await run(bash('echo "${WIZ_PARENT_CONTEXT-none}"'), more)).report.output?.value.value;
  };
  assert.equal(await seen('{"params":{"ROOT":"/x"},"context":{"TEAM":"platform"}}'), '{"TEAM":"platform"}\n');
  assert.equal(await seen('{"params":{"ROOT":"/x"},"context":{}}'), 'none\n');
  assert.equal(await seen(''), 'none\n');
});
