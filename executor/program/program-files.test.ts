import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { DataForm, type File } from '../../proto/gen/wiz/v1/data_pb.js';
import {
  FailureClass,
  NeedResultSchema,
  Outcome,
  type Report,
  SecretSchema,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import { fileMark, secretMark } from '../../proto/marks.ts';
import { bash, createFixture, eventually } from './program-fixture.ts';

const text = (report: Report) => {
  assert.equal(report.outcome, Outcome.SUCCEEDED, `${report.reason} ${report.message}`);
  return report.output?.value.value as string;
};
const named = (files: File[]) =>
  files.map(({ name, size, folder, mediaType }) => [name, size, folder, mediaType]);
const needOf = (processor: string, files: MessageInitShape<typeof NeedResultSchema>['files']) =>
  create(NeedResultSchema, { processor, files });

test('what is left in WIZ_FILES comes to what needs it', async (t) => {
  const { run, data, executorId } = await createFixture(t);
  const left = await run(
    bash(`cd "$WIZ_FILES"; printf hello > note.txt; mkdir -p plots/deep; echo x > plots/deep/a.png
      echo '#!/bin/sh' > plots/tool; chmod +x plots/tool; ln -s note.txt latest; : > empty`),
    { processor: 'draw' },
  );
  assert.deepEqual(named(left.report.files), [
    ['empty', 0, false, ''],
    ['latest', 5, false, ''],
    ['note.txt', 5, false, 'text/plain'],
    ['plots', 12, true, ''],
  ]);
  const staging = path.join(data.staging.of('run1'));
  assert.equal(path.basename(staging), executorId);
  assert.equal(fs.statSync(staging).mode & 0o777, 0o700);
  const read = await run(
    bash(
      'cd "$WIZ_STAGING/files/draw"; cat note.txt latest; find . | sort | tr "\\n" " "; test -x plots/tool; cat "$WIZ_INPUT" >&2',
    ),
    { assignment: { needs: [needOf('draw', left.report.files)] } },
  );
  assert.equal(
    text(read.report),
    'hellohello. ./empty ./latest ./note.txt ./plots ./plots/deep ./plots/deep/a.png ./plots/tool ',
  );
  const { files } = JSON.parse(read.stderr.toString());
  const note = left.report.files[2]!;
  assert.deepEqual(files.draw['note.txt'], {
    name: 'note.txt',
    path: path.join(staging, 'files/draw/note.txt'),
    hash: note.hash,
    size: 5,
    folder: false,
    mediaType: 'text/plain',
  });
});

test('files of instances have the index in their place', async (t) => {
  const { run } = await createFixture(t);
  const { report } = await run(bash('echo 17 > "$WIZ_FILES/a"'), { processor: 'parse[17]' });
  const files = report.files.map((file) => ({ ...file, name: `17/${file.name}` }));
  const joined = await run(bash('cat "$WIZ_STAGING/files/parse/17/a"'), {
    assignment: { needs: [needOf('parse', files)] },
  });
  assert.equal(text(joined.report), '17\n');
});

test('what cannot be a file fails the attempt, and nothing of it is reported', async (t) => {
  const { run } = await createFixture(t);
  const left = async (script: string) => (await run(bash(`cd "$WIZ_FILES"; ${script}`))).report;
  const cases: [string, string, RegExp][] = [
    ['ln -s /etc/passwd x', 'bad-file', /"x" in WIZ_FILES is a link that leads out/],
    ['ln -s nowhere x', 'bad-file', /leads nowhere/],
    ['mkdir d; ln -s /etc d/x', 'bad-file', /leads to "\/etc"/],
    ['mkdir d; ln -s ../../x d/x', 'bad-file', /outside of the folder/],
    ['mkfifo x', 'bad-file', /neither a file nor a folder/],
    ["touch $'a\\nb'", 'bad-file', /"a\\nb".*line break/],
    ["touch $'a\\xff'", 'bad-file', /not UTF-8/],
  ];
  for (const [script, reason, message] of cases) {
    const report = await left(`echo good > good; ${script}`);
    assert.deepEqual(
      [report.reason, report.failureClass],
      [reason, FailureClass.APP],
      `${script}: ${report.message}`,
    );
    assert.match(report.message, message);
    assert.deepEqual(report.files, []);
  }
  const failed = await left('echo good > good; exit 3');
  assert.equal(failed.reason, 'exit-code');
  assert.deepEqual(failed.files, []);
  const badOutput = await run(bash('echo good > "$WIZ_FILES/good"; echo x'), {
    assignment: { dataForm: DataForm.JSON },
  });
  assert.deepEqual([badOutput.report.reason, badOutput.report.files], ['bad-output', []]);
});

test('a place is filled once, anew when the file is another or was changed', async (t) => {
  const { run, data } = await createFixture(t);
  const [one, two] = await Promise.all(
    ['one', 'two'].map((content) => data.files.store.putBytes(Buffer.from(content))),
  );
  const read = async (object: object, script = 'cat "$WIZ_STAGING/files/a/f"') =>
    text(
      (await run(bash(script), { assignment: { needs: [needOf('a', [{ name: 'f', ...object }])] } })).report,
    );
  assert.deepEqual(await Promise.all([read(one!), read(one!), read(one!)]), ['one', 'one', 'one']);
  assert.equal(await read(two!), 'two');
  await read(two!, 'cd "$WIZ_STAGING/files/a"; rm f; echo spoiled > f');
  assert.equal(await read(two!), 'two');
  assert.equal(await read(one!), 'one');
  const outside = await run(['true'], { assignment: { needs: [needOf('..', [{ name: 'x', ...one! }])] } });
  assert.equal(outside.report.reason, 'bad-file');
});

test('marks of files are their paths in arguments, scripts, variables and the item', async (t) => {
  const { run, data } = await createFixture(t);
  const note = await data.files.store.putBytes(Buffer.from('hello'));
  const mark = fileMark({ ...note, folder: false, place: 'draw/my note.txt' });
  assert.equal(text((await run(['cat', mark])).report), 'hello');
  assert.equal(text((await run(bash(`cat "${mark}"`))).report), 'hello');
  const variable = await run(bash('cat "${NOTE%:end}"'), {
    assignment: { environment: { NOTE: `${mark}:end` } },
  });
  assert.equal(text(variable.report), 'hello');
  const inputJson = JSON.stringify({ params: {}, context: {}, item: { path: mark }, index: 0 });
  const item = await run(bash('cat "$WIZ_INPUT"'), { processor: 'p[0]', assignment: { inputJson } });
  const placed = path.join(data.staging.of('run1'), 'files/draw/my note.txt');
  assert.equal(JSON.parse(text(item.report)).item.path, placed);
});

describe('secrets', () => {
  const value = 'to"ken\\-1234567890';
  const environment = { ...process.env, MY_TOKEN: value };
  const token = (exposed: boolean) =>
    create(SecretSchema, { name: 'TOKEN', source: { case: 'environment', value: 'MY_TOKEN' }, exposed });

  test('reach the program, and leave it in no way', async (t) => {
    const { start, folder } = await createFixture(t, 'native', { environment });
    const attempt = start(
      bash(`[ "$1" = x ] || true; printf %s "$TOKEN" | cut -c1-9; printf 'a %s' "\${TOKEN:0:5}"; sleep 0.1
        printf '%s b\\n' "\${TOKEN:5}"; printf %s "$TOKEN" | base64 >&2
        echo "LEAK=$TOKEN" >> "$WIZ_CONTEXT"; echo "0.5 at $TOKEN" >> "$WIZ_PROGRESS"
        until [ -e go ]; do sleep 0.02; done`),
      { assignment: { secrets: [token(true)] } },
    );
    await eventually(() => attempt.progress.length > 0, 'progress');
    assert.deepEqual(attempt.progress, [{ fraction: 0.5, message: 'at ***' }]);
    fs.writeFileSync(path.join(folder, 'go'), '');
    const { report, stdout, stderr } = await attempt.done;
    assert.equal(stdout.toString(), `${value.slice(0, 9)}\na *** b\n`);
    assert.equal(text(report), stdout.toString());
    assert.equal(stderr.toString().trim(), '***');
    assert.deepEqual(report.context, { LEAK: '***' });
  });

  test('are put where their marks are, and are hidden in output and messages', async (t) => {
    const { run } = await createFixture(t, 'native', { environment });
    const secrets = [token(false)];
    const mark = secretMark('TOKEN');
    const inArgv = await run(['sh', '-c', 'echo "${#1} ${TOKEN-none}"', 'x', mark], {
      assignment: { secrets },
    });
    assert.equal(text(inArgv.report), `${value.length} none\n`);
    const inOutput = await run(
      {
        shell: 'node',
        text: 'require("fs").writeFileSync(process.env.WIZ_OUTPUT, JSON.stringify({ a: [process.env.T] }))',
      },
      { assignment: { secrets, environment: { T: `x${mark}y` } } },
    );
    assert.deepEqual(JSON.parse(text(inOutput.report)), { a: ['x***y'] });
    const notFound = await run([`/no/${mark}`], { assignment: { secrets } });
    assert.match(notFound.report.message, /"\/no\/\*\*\*" was not found/);
    const missing = await run(['echo', mark], {
      assignment: {
        secrets: [create(SecretSchema, { name: 'TOKEN', source: { case: 'environment', value: 'NO' } })],
      },
    });
    assert.deepEqual(
      [missing.report.reason, missing.report.failureClass],
      ['secret-missing', FailureClass.APP],
    );
    const none = await run(['echo', mark]);
    assert.equal(none.report.reason, 'secret-missing');
  });

  test('files that have one, in content or name, are not kept', async (t) => {
    const { run, data } = await createFixture(t, 'native', { environment });
    const put: string[] = [];
    for (const method of ['putFile', 'putBytes', 'putStream'] as const) {
      data.files.store[method] = () => Promise.reject(new Error(`${put.push(method)}`));
    }
    for (const [script, message] of [
      [
        'echo "a token: $TOKEN" > config',
        /"config" in WIZ_FILES has the value of a secret.*secrets of that processor/,
      ],
      ['mkdir -p d/e; echo -n "$TOKEN" | base64 > d/e/x', /"d\/e\/x" in WIZ_FILES has the value of a secret/],
      ['head -c 70000 /dev/zero > z; echo "$TOKEN" >> z', /"z" in WIZ_FILES has/],
      ['mkdir d; echo x > "d/$TOKEN"', /"d\/\*\*\*" in WIZ_FILES has the value of a secret in its name/],
      ['echo x > "$TOKEN"', /"\*\*\*" in WIZ_FILES has the value of a secret in its name/],
    ] as const) {
      const { report } = await run(bash(`cd "$WIZ_FILES"; echo good > good; ${script}`), {
        assignment: { secrets: [token(true)] },
      });
      assert.deepEqual(
        [report.reason, report.failureClass, report.files],
        ['secret-in-file', FailureClass.APP, []],
        `${script}: ${report.message}`,
      );
      assert.match(report.message, message);
    }
    assert.deepEqual(put, []);
  });
});

test('an attempt that waits for a file can be cancelled, and its time-out counts', async (t) => {
  const { start, run, data } = await createFixture(t);
  const asked = Promise.withResolvers<void>();
  data.files.ensure = (_file, signal) => {
    asked.resolve();
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  const mark = fileMark({ hash: '0'.repeat(64), size: 1, folder: false, place: 'a/b' });
  const attempt = start(['cat', mark]);
  await asked.promise;
  attempt.cancel('cancelled');
  assert.equal((await attempt.done).report.reason, 'cancelled');
  const late = await run(['cat', mark], { assignment: { timeoutMs: 30 } });
  assert.deepEqual([late.report.reason, late.report.failureClass], ['timeout', FailureClass.APP]);
});

test('what is on its way into the store can be cancelled', async (t) => {
  const { start, data } = await createFixture(t);
  const asked = Promise.withResolvers<void>();
  const { store } = data.files;
  store.putFile = () => {
    asked.resolve();
    return new Promise(() => {});
  };
  const attempt = start(bash('echo x > "$WIZ_FILES/x"'));
  await asked.promise;
  attempt.cancel('cancelled');
  const { report } = await attempt.done;
  assert.deepEqual([report.reason, report.files], ['cancelled', []]);
});

test('a file that is nowhere, and a store that is full, are not the fault of the program', async (t) => {
  const { run, data } = await createFixture(t);
  const gone = await run(['cat', fileMark({ hash: '0'.repeat(64), size: 1, folder: false, place: 'a/b' })]);
  assert.deepEqual([gone.report.reason, gone.report.failureClass], ['file-absent', FailureClass.INFRA]);
  const { FileStoreError } = await import('../../files/file-store.ts');
  data.files.store.putFile = () => Promise.reject(new FileStoreError('full', 'The disk is full.'));
  const full = await run(bash('echo x > "$WIZ_FILES/x"'));
  assert.deepEqual([full.report.reason, full.report.failureClass], ['store-full', FailureClass.INFRA]);
  assert.equal(full.report.message, 'The disk is full');
});

test('a program that writes through a placed file spoils it for nobody: what comes later is told of it', async (t) => {
  const { run, data } = await createFixture(t);
  const { hash } = await data.files.store.putBytes(Buffer.from('whole'));
  const assignment = { needs: [needOf('a', [{ name: 'f', hash, size: 5 }])] };
  const spoil = 'cd "$WIZ_STAGING/files/a"; chmod u+w f; echo more >> f';
  text((await run(bash(spoil), { assignment })).report);
  const { report } = await run(bash('cat "$WIZ_STAGING/files/a/f"'), { assignment });
  assert.deepEqual([report.reason, report.failureClass], ['file-mismatch', FailureClass.APP]);
  assert.match(report.message, /has been changed.* make it again$/);
});
