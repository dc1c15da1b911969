/** Expressions, as a user meets them: values of every form, mistakes found at apply and at run time, values in scripts. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventsOf, startedIn } from './journal.ts';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

/** Output of a processor of the latest run, as `wiz runs get --json` has it: text, or JSON of what it is. */
async function outputsOf(run = 'latest'): Promise<Record<string, string>> {
  const { processors } = await place.json(['runs', 'get', run]);
  return Object.fromEntries(
    processors.map(({ name, output }: { name: string; output?: { text?: string; json?: string } }) => [
      name,
      output?.text ?? output?.json ?? '',
    ]),
  );
}

/** Reason and message of each processor of the latest run that has one. */
async function reasonsOf(run = 'latest'): Promise<Record<string, string>> {
  const { processors } = await place.json(['runs', 'get', run]);
  const told = processors.filter(({ reason }: { reason?: string }) => reason);
  return Object.fromEntries(
    told.map(({ name, reason, message }: Record<string, string>) => [name, `${reason}: ${message}`]),
  );
}

test('values of every form go into env, run, program and with', async () => {
  place.write(
    'forms.yaml',
    `name: forms
params: { limit: 10, text: "🦊 'single' \\"double\\" $(touch pwned) back\\\\slash" }
processors:
  json:
    run: |
      echo '{"rows": [{"city": "Ósl🦊", "degrees": 4.5}, {"city": "B", "degrees": -2}], "safe": 9007199254740991, "no": null, "yes": true, "with-dash": 1}'
    data: json
  text: { run: "printf 'one\\\\ntwo\\\\n\\\\nlast'" }
  lines: { run: "printf 'a\\nb\\n'", data: lines }
  bytes: { run: "printf '\\\\377\\\\000\\\\376'" }
  none: { uses: noop }
  nested: { uses: noop, with: { output: { list: ["\${{ params.limit }}", { deep: "\${{ params.text }}" }] } } }
  seen:
    needs: [json, text, lines, bytes, none, nested]
    uses: noop
    with:
      output:
        number: \${{ outputs.json.safe }}
        fraction: \${{ outputs.json.rows[0].degrees * 2.0 }}
        mixed: \${{ params.limit / 4.0 }}
        whole: \${{ outputs.json }}
        bool: \${{ outputs.json.yes && !outputs.json.no.default(false) }}
        null: \${{ outputs.json.no }}
        dash: \${{ outputs.json["with-dash"] }}
        text: \${{ outputs.text.lines }}
        lines: \${{ outputs.lines.map(line, line + "!") }}
        bytes: \${{ outputs.bytes }}
        none: \${{ outputs.none }}
        nested: \${{ outputs.nested.list[1].deep }}
        around: "<\${{ outputs.json.rows[1].city }}|\${{ outputs.none }}|\${{ outputs.lines }}|\${{ outputs.json.rows[1].degrees }}>"
        literal: "$\${{ params.limit }}"
  shell:
    needs: [json, nested]
    env: { DEEP: "\${{ outputs.nested.list[1].deep }}", COLDEST: "\${{ outputs.json.rows.map(row, row.degrees).min() }}" }
    run: printf '%s\\n' "$DEEP" "$COLDEST" \${{ outputs.json.rows.map(row, row.city).join(", ") }}
    data: lines
  argv:
    needs: [json, nested]
    program: [printf, '%s\\n', "\${{ outputs.nested.list[1].deep }}", "x=\${{ outputs.json.rows[0].city }}", "\${{ outputs.json.no }}", "\${{ outputs.nested.list }}"]
    data: lines
`,
  );
  const text = `🦊 'single' "double" $(touch pwned) back\\slash`;
  await place.out(['run', 'forms.yaml']);
  const outputs = await outputsOf();
  const whole = JSON.parse(outputs.json!);
  assert.deepEqual(JSON.parse(outputs.seen!), {
    number: 9007199254740991,
    fraction: 9,
    mixed: 2.5,
    whole,
    bool: true,
    null: null,
    dash: 1,
    text: ['one', 'two', '', 'last'],
    lines: ['a!', 'b!'],
    bytes: { base64: '/wD+', mediaType: 'application/octet-stream' },
    none: null,
    nested: text,
    around: '<B||["a","b"]|-2>',
    literal: '${{ params.limit }}',
  });
  assert.deepEqual(JSON.parse(outputs.shell!), [text, '-2', 'Ósl🦊, B']);
  const list = JSON.stringify([10, { deep: text }]);
  assert.deepEqual(JSON.parse(outputs.argv!), [text, 'x=Ósl🦊', '', list]);
  assert.ok(!existsSync(join(place.folder, 'pwned')));
});

test('an output of 5 MB is used like any other', async () => {
  place.write(
    'large.yaml',
    `name: large
processors:
  text: { run: "head -c 5000000 /dev/zero | tr '\\\\0' x; printf '\\nlast\\n'" }
  json: { run: 'node -e "console.log(JSON.stringify(Array.from({length: 50000}, (_, n) => ({n, pad: String(n).padStart(80)}))))"', data: json }
  use:
    needs: [text, json]
    env: { LAST: "\${{ outputs.text.lines[1] }}", SIZE: "\${{ size(outputs.text.text) }}", SUM: "\${{ outputs.json.map(row, row.n).sum() }}" }
    run: |
      echo $LAST $SIZE $SUM
      cat <<END | wc -c
      \${{ outputs.text.text }}
      END
`,
  );
  await place.out(['run', 'large.yaml']);
  assert.equal((await outputsOf()).use, 'last 5000006 1249975000\n5000007\n');
});

test('files are paths, also within JSON', async () => {
  place.write(
    'paths.yaml',
    `name: paths
processors:
  draw: { run: 'mkdir "$WIZ_FILES/all"; echo in > "$WIZ_FILES/all/in.txt"; printf drawn > "$WIZ_FILES/it''s \\"a\\" file.txt"' }
  use:
    needs: draw
    env: { FIRST: '\${{ files.draw["it''s \\"a\\" file.txt"] }}', ALL: "\${{ files.draw }}" }
    run: |
      cat "$FIRST" \${{ files.draw.all }}/in.txt
      node -p 'const all = JSON.parse(process.env.ALL); fs.readFileSync(Object.values(all).find((f) => !f.folder).path, "utf8")'
      cat <<END | node -p 'fs.readFileSync(JSON.parse(fs.readFileSync(0, "utf8"))[0], "utf8")'
      \${{ files.draw.values().filter(f, !f.folder).map(f, f.path) }}
      END
`,
  );
  await place.out(['run', 'paths.yaml']);
  assert.equal((await outputsOf()).use, 'drawnin\ndrawn\ndrawn\n');
});

test('mistakes are told at apply, with line, column and what to write', async () => {
  place.write(
    'wrong.yaml',
    `name: wrong
params: { limit: 10 }
processors:
  a: { run: echo a }
  b: { run: "echo \${{ outputs.a.text }}" }
  c: { needs: a, run: "echo \${{ params.limt }} \${{ item }}" }
  d: { needs: a, run: "echo \${{ siz(outputs.a) }} \${{ params.limit + 'x' }}" }
  e: { needs: a, when: "\${{ params.limit }}", run: "echo \${{ outputs.a" }
  f: { needs: a, each: "\${{ params.limit }}", run: "echo \${{ 1 + }}" }
`,
  );
  const { code, stderr, stdout } = await place.run(['pipeline', 'apply', 'wrong.yaml']);
  assert.deepEqual([code, stdout], [2, '']);
  for (const [where, what, hint] of [
    ['5:31', 'processor "b" does not wait for "a"', 'Add "a" to needs of "b".'],
    ['6:40', 'the pipeline has no param "limt"', 'Did you mean "limit"?'],
    ['6:52', 'processor "c" has no each or matrix, so there is no "item"', 'Add "each:" with a list.'],
    ['7:33', 'there is no function "siz"', 'Did you mean "size"?'],
    ['7:68', '"+" does not work with a number and text', 'Make text of it with string() or toJson().'],
    ['8:25', '"when" must be true or false, and this is a number', ''],
    ['8:58', 'has no end', 'Close it'],
    ['9:25', '"each" must be a list, and this is a number', ''],
    ['9:64', 'the expression `1 +` cannot be read', 'It ends with "+"'],
  ] as const) {
    const lines = stderr.split('\n');
    const at = lines.findIndex((line) => line.startsWith(`wrong.yaml:${where}: `));
    assert.ok(at >= 0 && lines[at]!.includes(what), `${where}: ${what}\n${stderr}`);
    assert.ok(hint === '' || lines[at + 1]!.includes(hint), `${hint}\n${stderr}`);
  }
  assert.match(stderr, /9 errors in wrong\.yaml/);
  assert.deepEqual(await place.json(['pipeline', 'list']), []);
});

test('what does not fit its values fails the processor and what depends on it, and is not tried again', async () => {
  place.write(
    'unfit.yaml',
    `name: unfit
defaults: { retries: 3 }
processors:
  j: { run: "echo '{\\"rows\\": [1, 2, \\"x\\"], \\"m\\": {\\"a\\": 1}}'", data: json }
  key: { needs: j, run: "echo \${{ outputs.j.rowz }}" }
  index: { needs: j, env: { A: "\${{ outputs.j.rows[7] }}" }, run: echo }
  sum: { needs: j, program: [echo, "\${{ outputs.j.rows.sum() }}"] }
  condition: { needs: j, when: "\${{ outputs.j.m }}", run: echo }
  option: { needs: j, uses: noop, with: { output: "\${{ outputs.j.m.a / 0 }}" } }
  costly: { needs: j, run: "echo \${{ range(3000).map(a, range(3000).map(b, range(3000).map(c, a * b * c)).size()).size() }}" }
  huge: { needs: j, run: "echo \${{ range(1000000).map(a, outputs.j).size() }} \${{ range(20).map(a, range(1000000).map(b, a * b)) }}" }
  pattern: { needs: j, run: "echo \${{ range(40).map(a, 'a').join('').matches('(a+)+$') }} \${{ outputs.j.rows[2].matches('(') }}" }
  after: { needs: key, run: echo after }
  beside: { needs: j, run: "echo \${{ outputs.j.rows[2] }}" }
`,
  );
  const { code, stdout } = await place.run(['run', 'unfit.yaml', '--json']);
  assert.equal(code, 1);
  assert.deepEqual(startedIn(eventsOf(stdout)).sort(), ['beside', 'j']);
  const reasons = await reasonsOf();
  const expected: Record<string, RegExp> = {
    key: /^bad-expression: .*`outputs\.j\.rowz`.*There is no "rowz" in outputs\.j: it has rows, m/,
    index: /^bad-expression: .*There is no \[7\] in outputs\.j\.rows: it has \[0\] to \[2\]/,
    sum: /^bad-expression: .*"\+" does not work with a whole number and text/,
    condition: /^bad-expression: when must be true or false, and \$\{\{ outputs\.j\.m \}\} is an object/,
    option: /^bad-expression: .*divides by 0/,
    costly: /^bad-expression: .*takes more than 10,000,000 steps.*Do it in a program/,
    huge: /^bad-expression: .*(more than 10,000,000 steps|more than 64 MiB)/,
    pattern: /^bad-expression: .*\(/,
    after: /^upstream-failed: key failed/,
  };
  assert.deepEqual(Object.keys(reasons).sort(), Object.keys(expected).sort());
  for (const [name, pattern] of Object.entries(expected)) assert.match(reasons[name]!, pattern);
});

const HOSTILE = [
  'a b',
  '$(touch pwned)',
  '`touch pwned`',
  "'; touch pwned; '",
  '"; touch pwned; "',
  "it's",
  'new\nline\n',
  '',
  '🦊 é \u2028',
  '-n',
  '\\',
  '\\n\\$HOME',
  '${HOME}',
  '%s%d',
  '*',
  '~',
  '!!',
  '\r\n',
  '");require("fs").writeFileSync("pwned","");("',
  '__import__("os").system("touch pwned")',
  '${require("fs").writeFileSync("pwned","")}',
  '{__import__("os").system("touch pwned")}',
  '*/ touch pwned /*',
  'EOF',
];

test('no value executes anything in a script, and each arrives as it is', async () => {
  place.write('hostile.json', JSON.stringify(HOSTILE));
  // Each form once for each value; outputs are compared as a whole. A here document cannot hold the line that ends it.
  place.write(
    'hostile.yaml',
    `name: hostile
processors:
  list: { run: cat hostile.json, data: json }
  here: { needs: list, each: '\${{ outputs.list.filter(i, i != "EOF") }}', data: text, run: "cat <<EOF; cat <<'EOF'\\n\${{ item }}\\nEOF\\n\${{ item }}\\nEOF\\n" }
  refused: { needs: list, onFailure: warn, run: "cat <<EOF\\n\${{ outputs.list[${HOSTILE.length - 1}] }}\\nEOF\\n" }
${['bash', 'sh']
  .map(
    (shell) => `  ${shell}:
    needs: list
    each: \${{ outputs.list }}
    shell: ${shell}
    data: json
    run: |
      # \${{ item }}
      inner="$(printf '%s.' \${{ item }})"
      node -e 'console.log(JSON.stringify(process.argv.slice(1)))' -- \${{ item }} "\${{ item }}" '\${{ item }}' "<\${{ item }}>" x\${{ item }} "\${inner%.}"`,
  )
  .join('\n')}
  python:
    needs: list
    each: \${{ outputs.list }}
    shell: python
    data: json
    run: |
      import json  # \${{ item }}
      print(json.dumps([\${{ item }}, "\${{ item }}", '\${{ item }}', "<\${{ item }}>", f'''x\${{ item }}''', """\${{ item }}"""]))
  node:
    needs: list
    each: \${{ outputs.list }}
    shell: node
    data: json
    run: |
      // \${{ item }}
      console.log(JSON.stringify([\${{ item }}, "\${{ item }}", '\${{ item }}', \`<\${{ item }}>\`, \`x\${'\${{ item }}'}\`, \${{ item }} /* \${{ item }} */]))
`,
  );
  const run = await place.run(['run', 'hostile.yaml']);
  assert.equal(run.code, 0, run.stdout + run.stderr);
  const outputs = await outputsOf();
  const expected = HOSTILE.map((value) => [value, value, value, `<${value}>`, `x${value}`, value]);
  for (const shell of ['bash', 'sh', 'python', 'node']) {
    assert.deepEqual(await instanceOutputs('latest', shell), expected, shell);
  }
  const texts = HOSTILE.filter((value) => value !== 'EOF').map((value) => `${value}\n${value}\n`);
  assert.deepEqual(await instanceOutputs('latest', 'here'), texts);
  assert.match(
    (await reasonsOf()).refused!,
    /bad-expression: .*the line "EOF", which ends the here document/,
  );
  assert.ok(!existsSync(join(place.folder, 'pwned')));
  assert.equal(outputs.list, readFileSync(join(place.folder, 'hostile.json'), 'utf8'));
});

async function instanceOutputs(run: string, name: string): Promise<unknown[]> {
  const { processors } = await place.json(['runs', 'get', run, '--instances', name]);
  return processors.map(({ output }: { output: { text?: string; json?: string } }) =>
    output.json === undefined ? output.text : JSON.parse(output.json),
  );
}
