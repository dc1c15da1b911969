import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { replaceMarks, secretMark } from '../../proto/marks.ts';
import type { JsonValue } from '../spec/spec.ts';
import { evaluateScript } from './evaluate.ts';
import { ExpressionFailure } from './expressions.ts';
import { isThere, run, type Shell, scopeOf, VALUE } from './script.fixture.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

/** What a text may be made of that a language takes for something else. */
const tricky = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "'",
        '"',
        '`',
        '$',
        '\\',
        '\n',
        '\r',
        '\t',
        ' ',
        '#',
        '!',
        '*',
        '/',
        '{',
        '}',
        '(',
        ')',
        ';',
      ),
      fc.constantFrom(
        '$(touch x)',
        '`touch x`',
        '${IFS}',
        "'; touch x; '",
        '"; touch x; "',
        '\nEND\n',
        'END',
        '%s',
      ),
      fc.constantFrom(
        '*/',
        '/*',
        '//',
        '<!--',
        '-->',
        '\\n',
        '\\x41',
        '{0}',
        '{{',
        '}}',
        '</',
        "'''",
        '"""',
        '&',
        '|',
      ),
      fc.constantFrom(
        '~',
        '-n',
        '=',
        '1',
        'if',
        'done',
        'ä',
        '€',
        '😀',
        '\u2028',
        '\x7f',
        '\x01',
        'a',
        'word',
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

/** Contexts in which a program prints the value and an x after it. */
const CONTEXTS: Record<Shell, string[]> = {
  bash: [
    `printf '%sx' ${VALUE}`,
    `printf '%sx' "${VALUE}"`,
    `printf '%sx' '${VALUE}'`,
    `printf '%sx' $'${VALUE}'`,
    `v=${VALUE}; printf '%sx' "$v"`,
    `v="$(printf '%sx' ${VALUE})"; printf %s "$v"`,
    `v="$(printf '%sx' "${VALUE}")"; printf %s "$v"`,
    `v=$(case a in a) printf '%sx' ${VALUE};; (b) :;; esac); printf %s "$v"`,
    `v=\`printf '%sx' ${VALUE}\`; printf %s "$v"`,
    `v="\`printf '%sx' ${VALUE}\`"; printf %s "$v"`,
    `v=\`printf '%sx' "${VALUE}"\`; printf %s "$v"`,
    `# ${VALUE}\n# it's\nprintf '%sx' ${VALUE}`,
    `f() { printf '%sx' "$1"; }; f ${VALUE} # "`,
    `(printf '%sx' "\${IFS:+}${VALUE}")`,
    `a=(${VALUE} b); printf '%sx' "\${a[0]}"`,
    `[[ ${VALUE} == "${VALUE}" ]] && printf '%sx' ${VALUE}`,
    `printf '%sx' "\${unset:-}"${VALUE}""`,
    `: $((1 << 2)) "\${#v}" '#' a#b; printf '%sx' ${VALUE}`,
  ],
  sh: [
    `printf '%sx' ${VALUE}`,
    `printf '%sx' "${VALUE}"`,
    `printf '%sx' '${VALUE}'`,
    `v=${VALUE}; printf '%sx' "$v"`,
    `v="$(printf '%sx' ${VALUE})"; printf %s "$v"`,
    `v=\`printf '%sx' ${VALUE}\`; printf %s "$v"`,
    `v="\`printf '%sx' '${VALUE}'\`"; printf %s "$v"`,
    `# ${VALUE}\nprintf '%sx' ${VALUE}`,
    `printf '%sx' "\${IFS:+}${VALUE}"`,
  ],
  python: [
    `import sys\nsys.stdout.buffer.write((${VALUE} + "x").encode())`,
    `import sys\nsys.stdout.buffer.write(('${VALUE}' + "x").encode())`,
    `import sys\nsys.stdout.buffer.write(("${VALUE}x").encode())`,
    `import sys\nsys.stdout.buffer.write(f"${VALUE}{'x'}".encode())`,
    `import sys\nsys.stdout.buffer.write(f'''{{"${VALUE}"}}x'''[2:-3].encode() + b"x")`,
    `import sys\nsys.stdout.buffer.write("""${VALUE}x""".encode()) # ${VALUE}\n# it's ${VALUE}`,
    `import sys\nv = {"a": [r'\\\\', ${VALUE}]}\nsys.stdout.buffer.write((v['a'][1] + 'x').encode())`,
  ],
  node: [
    `process.stdout.write(${VALUE} + 'x')`,
    `process.stdout.write('${VALUE}' + 'x')`,
    `process.stdout.write("${VALUE}x")`,
    `process.stdout.write(\`${VALUE}x\`)`,
    `process.stdout.write(\`\${[1].map(() => { return '${VALUE}'; })}x\`) // ${VALUE}`,
    `/* it's ${VALUE} */ const a = 4 / 2, r = /['"\`/]/.test('a'); process.stdout.write(\`\${\`${VALUE}\`}x\`)`,
  ],
};

const SEPARATORS: Record<Shell, string> = {
  bash: "printf '\\036'",
  sh: "printf '\\036'",
  python: 'import sys; sys.stdout.buffer.write(bytes([30]))',
  node: "process.stdout.write('\\x1e')",
};

/** One process for many scripts, since starting it takes most of the time. */
function checkPrints(shell: Shell, cases: { script: string; value: string }[]): void {
  const separator = SEPARATORS[shell];
  const texts = cases.map(({ script }) => (shell === 'node' ? `{ ${script}\n}` : script));
  const printed = run(shell, texts.join(`\n${separator}\n`)).split('\x1e');
  for (const [index, { script, value }] of cases.entries()) assert.equal(printed[index], `${value}x`, script);
}

describe('a script prints exactly the value that stands in it', () => {
  for (const shell of Object.keys(CONTEXTS) as Shell[]) {
    test(shell, { skip: !isThere(shell) }, () => {
      fc.assert(
        fc.property(fc.array(tricky, { minLength: 40, maxLength: 40 }), (values) => {
          const cases = CONTEXTS[shell].flatMap((context) =>
            values.map((value) => ({ script: evaluateScript(context, shell, scopeOf(value)), value })),
          );
          checkPrints(shell, cases);
        }),
        { numRuns: 2, endOnFailure: true },
      );
    });
  }
});

describe('here documents', () => {
  const documents = [
    [`cat <<END\n${VALUE}x\nEND\n`, false],
    [`cat <<'END'\n${VALUE}x\nEND\n`, true],
    [`cat <<"END" | cat\n$x${VALUE}x\nEND\n`, true],
    [`cat <<-END\n\tx${VALUE}x\n\tEND\n`, false],
    [`cat <<A; cat <<\\END\n\`printf %s "${VALUE}"\`\nA\n${VALUE}x\nEND\n`, true],
  ] as const;
  for (const shell of ['bash', 'sh'] as const) {
    for (const [document, isQuoted] of documents) {
      test(`${shell}: ${JSON.stringify(document)}`, { skip: !isThere(shell) }, () => {
        fc.assert(
          fc.property(fc.array(tricky, { minLength: 60, maxLength: 60 }), (values) => {
            let script = '';
            let expected = '';
            for (const value of values) {
              try {
                script += evaluateScript(document, shell, scopeOf(value));
              } catch (error) {
                // The only values that cannot be written: the end itself, and tabs that would be dropped.
                assert.ok(error instanceof ExpressionFailure);
                assert.match(value, /END|\t/);
                continue;
              }
              const before = document.includes('$x') ? '$x' : document.includes('\tx') ? 'x' : '';
              // What a command prints loses the line breaks at its end.
              if (document.includes('printf')) expected += `${value.replace(/\n+$/, '')}\n`;
              expected += `${before}${value}x\n`;
            }
            assert.equal(run(shell, script), expected);
            assert.ok(isQuoted || script.includes('\\$'));
          }),
          { numRuns: 1 },
        );
      });
    }
  }

  test('a value that is the end of the document is refused, wherever the line comes from', () => {
    const refuses = (document: string, value: string) =>
      assert.throws(() => evaluateScript(document, 'bash', scopeOf(value)), /ends the here document/);
    refuses(`cat <<'END'\n${VALUE}\nEND\n`, 'a\nEND\ntouch x');
    refuses(`cat <<'END'\n${VALUE}ND\nEND\n`, 'E');
    refuses(`cat <<END\n${VALUE}\nEND\n`, 'END');
    refuses(`cat <<-END\n\t${VALUE}\n\tEND\n`, 'END');
  });
});

describe('values that are not text', () => {
  const values: JsonValue[] = [
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e21,
    [],
    [1, 'a\'b"'],
    { a: [null], "it's": { b: true } },
  ];

  test('bash: null is the empty word, lists and maps are JSON', () => {
    const cases = values.flatMap((value) =>
      CONTEXTS.bash.slice(0, 3).map((context) => ({
        script: evaluateScript(context, 'bash', scopeOf(value)),
        value: value === null ? '' : JSON.stringify(value),
      })),
    );
    checkPrints('bash', cases);
  });

  test('python and node: the value itself', () => {
    for (const value of [...values, { ['__proto__']: 1, '': '\n' }]) {
      const python = `import json\nprint(json.dumps([${VALUE}, 2 -${VALUE} if ${VALUE} == -1 else 3]))`;
      const python3 = run('python', evaluateScript(python, 'python', scopeOf(value)));
      assert.deepEqual(JSON.parse(python3), [value, 3]);
      const node = `process.stdout.write(JSON.stringify([${VALUE}, 2 -(${VALUE} === -1 ? ${VALUE} : -1)]))`;
      assert.deepEqual(JSON.parse(run('node', evaluateScript(node, 'node', scopeOf(value)))), [value, 3]);
    }
  });

  test('plain words and numbers stay as they are, and digits are never taken for the number of a file', () => {
    const write = (script: string, value: JsonValue) => evaluateScript(script, 'bash', scopeOf(value));
    assert.equal(write(`cp ${VALUE} /tmp`, 'a/b-c.txt'), 'cp a/b-c.txt /tmp');
    assert.equal(write(`sleep ${VALUE}`, 2), 'sleep 2');
    assert.equal(write(`echo ${VALUE}>f`, 2), "echo '2'>f");
    assert.equal(write(`${VALUE}`, 'done'), "'done'");
  });
});

describe('secrets and paths', () => {
  const value = `it's "$(touch x)" \`touch x\` \\ {b} */ \${IFS}`;

  for (const shell of Object.keys(CONTEXTS) as Shell[]) {
    test(`${shell}: what the executor puts in is escaped for where it stands`, {
      skip: !isThere(shell),
    }, () => {
      const written = CONTEXTS[shell].flatMap((context) => {
        const secret = context.replaceAll('item', 'secrets.KEY');
        const write = () => evaluateScript(secret, shell, scopeOf(null, { KEY: secretMark('KEY') }));
        if (!/`printf/.test(context)) return [write()];
        assert.throws(write, /Write \$\(/);
        return [];
      });
      assert.ok(written.every((script) => script.includes('\0')));
      const replaced = written.map((script) =>
        replaceMarks(script, (mark) => (mark.kind === 'secret' ? value : '')),
      );
      checkPrints(
        shell,
        replaced.map((script) => ({ script, value })),
      );
    });
  }

  test('a secret that the script does not name cannot be asked for by a value', () => {
    const scope = scopeOf(secretMark('OTHER'), { KEY: secretMark('KEY') });
    for (const text of [`echo ${VALUE}`, `echo '${VALUE}' \${{ secrets.KEY }}`]) {
      assert.throws(() => evaluateScript(text, 'bash', scope), /secret "OTHER"/);
    }
  });
});

test('scripts without expressions are left alone', () => {
  const script = 'echo "${v}" $$ `a` ${{';
  assert.equal(evaluateScript('echo ${v}', 'bash', scopeOf(null)), 'echo ${v}');
  assert.throws(() => evaluateScript(script, 'bash', scopeOf(null)), /no "}}"/);
  assert.equal(evaluateScript("echo '$${{ x }}'", 'bash', scopeOf(null)), "echo '${{ x }}'");
});
