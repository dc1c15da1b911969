import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRedaction } from './redact.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

const TOKEN = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a';
const KEY = `-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj
MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu
Ab
-----END PRIVATE KEY-----
`;
const redact = (text: string, ...values: string[]) => createRedaction(values).redactText(text);

test('values are replaced as they are, several times in a line', () => {
  assert.equal(redact(`a=${TOKEN} b=${TOKEN}\n`, TOKEN), 'a=*** b=***\n');
  assert.equal(redact(`${TOKEN}${TOKEN}`, TOKEN), '******');
  assert.equal(redact('pässwörd 🔑 x', 'pässwörd 🔑'), '*** x');
});

test('values are replaced as JSON, in URLs and as hexadecimal', () => {
  const value = 'a/b "c" é\n<d> (e)+f';
  for (const spelled of [
    JSON.stringify(value).slice(1, -1),
    JSON.stringify(value).slice(1, -1).replaceAll('/', '\\/'),
    JSON.stringify(value).slice(1, -1).replace('é', '\\u00e9'),
    JSON.stringify(value).slice(1, -1).replace('<', '\\u003c').replace('>', '\\u003e'),
    encodeURIComponent(value),
    encodeURIComponent(value).toLowerCase(),
    encodeURIComponent(value).replace('%2F', '/'),
    new URLSearchParams({ value }).toString().slice('value='.length),
    Buffer.from(value).toString('hex'),
    Buffer.from(value).toString('hex').toUpperCase(),
  ]) {
    assert.equal(redact(`<${spelled}>`, value), '<***>', spelled);
  }
});

test('values are replaced as a program writes them that read an address with them', () => {
  const value = 'a/b "c" \'é🔑<d>?(e)+{f}|^`#g{h}';
  const password = new URL('http://h');
  password.password = value;
  for (const spelled of [
    new URL(`http://h/${value}`).href.slice('http://h/'.length),
    new URL(`http://h/?${value}`).href.slice('http://h/?'.length),
    new URL(`http://h/#${value}`).hash.slice(1),
    password.password,
    encodeURI(value),
  ]) {
    assert.equal(redact(`<${spelled}>`, value), '<***>', spelled);
    assert.equal(
      redact(
        spelled.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
        value,
      ),
      '***',
    );
  }
});

test('base64 of the value alone leaves nothing of it', () => {
  for (const length of [3, 4, 5, 20, 40]) {
    const value = TOKEN.slice(0, length);
    for (const encoding of ['base64', 'base64url'] as const) {
      assert.equal(redact(`${Buffer.from(value).toString(encoding)}\n`, value), '***\n');
      assert.equal(redact(`${Buffer.from(`${value}\n`).toString(encoding)}\n`, value), '***\n');
    }
  }
});

test('base64 that an encoder broke into lines', () => {
  const after = ' after, and that is long enough for another line';
  const encoded = Buffer.from(`before ${KEY}${TOKEN}${after}`).toString('base64');
  assert.match(redact(encoded, KEY, TOKEN), /^YmVmb3JlIC\*\*\*.?\*\*\*IGFmdGVyLCBh[A-Za-z0-9+/=]+$/);
  for (const lineEnd of ['\n', '\r\n']) {
    for (const columns of [1, 7, 64, 76]) {
      const broken = encoded.replace(new RegExp(`.{${columns}}`, 'g'), `$&${lineEnd}`);
      const redacted = redact(`x: ${broken}`, KEY, TOKEN).replace(/[\r\n]/g, '');
      assert.equal(redacted, `x: ${redact(encoded, KEY, TOKEN)}`, `${columns} columns`);
    }
  }
});

test('a value of several lines is replaced whole, with the line ends of a terminal, and line by line', () => {
  assert.equal(redact(`<${KEY}>`, KEY), '<***>');
  assert.equal(redact(`<${KEY.replaceAll('\n', '\r\n')}>`, KEY), '<***>');
  assert.equal(redact(`<${KEY.trim()}>`, KEY), '<***>');
  const shown = KEY.split('\n').map((line, number) => `${number}: ${line}`);
  const hidden = ['0: ***', '1: ***', '2: ***', '3: Ab', '4: ***', '5: '];
  assert.equal(redact(shown.join('\n'), KEY), hidden.join('\n'));
});

test('the space around a value is not needed to know it', () => {
  assert.equal(redact('user=(s3cr3t-w0rd)', '  s3cr3t-w0rd\t'), 'user=(***)');
});

test('values that contain or overlap each other', () => {
  assert.equal(redact('x abcdefghi y', 'abcdef', 'defghi'), 'x *** y');
  assert.equal(redact('x abcdefghi y', 'defg', 'abcdefghi'), 'x *** y');
  assert.equal(redact('x abcdefgh', 'defg', 'abcdefghi'), 'x abc***h');
  assert.equal(redact('aaaaaaa', 'aaa'), '***');
});

test('a very short value is replaced as it is', () => {
  assert.equal(redact('1 + 1 = 2', '1'), '*** + *** = 2');
  assert.equal(redact('abc', ''), 'abc');
});

test('a stream holds back only what may be the beginning of a value', () => {
  const stream = createRedaction([TOKEN]).redactor();
  assert.equal(text(stream.push(Buffer.from('a line\nno end yet'))), 'a line\nno end yet');
  assert.equal(text(stream.push(Buffer.from(`, token ${TOKEN.slice(0, 30)}`))), ', token ');
  assert.equal(text(stream.push(Buffer.from(TOKEN.slice(30)))), '***');
  assert.equal(text(stream.push(Buffer.from('. ghp_1'))), '. ');
  assert.equal(text(stream.end()), 'ghp_1');
});

test('what is held back is shorter than the longest spelling', () => {
  const stream = createRedaction(['a'.repeat(50)]).redactor();
  let held = 0;
  for (let count = 0; count < 2000; count++) {
    held += 1 - stream.push(Buffer.from(count % 49 === 48 ? 'b' : 'a')).length;
    assert.ok(held <= 99, `${held} bytes`);
  }
});

test('without secrets and without matches the same bytes come back', () => {
  const bytes = Buffer.from('nothing to see');
  assert.equal(createRedaction([]).redactBytes(bytes), bytes);
  assert.equal(createRedaction([TOKEN]).redactBytes(bytes), bytes);
  assert.equal(redact('a lone \ud800 surrogate', TOKEN), 'a lone \ud800 surrogate');
  assert.equal(createRedaction([]).redactor().push(bytes), bytes);
});

// -- properties ------------------------------------------------------------------------------------------

/** Few letters, so that values overlap, contain each other, and nearly match. */
const tightValue = fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'Y'), minLength: 1, maxLength: 12 });
const anyValue = fc.oneof(
  tightValue,
  fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(...'0123456789abcdefXYZ+/=-_ '), minLength: 4, maxLength: 100 }),
);
const values = fc.array(
  anyValue.map((value) => value.toWellFormed()).filter((value) => value.trim() !== ''),
  { minLength: 1, maxLength: 4 },
);

/** A text in which values and the like of them are, in several spellings. */
const scene = values.chain((secrets) =>
  fc.record({
    secrets: fc.constant(secrets),
    parts: fc.array(
      fc.oneof(
        fc.constantFrom(...secrets).chain(spelled),
        fc.constantFrom(...secrets).map((value) => Buffer.from(value.slice(0, -1))),
        tightValue.map((value) => Buffer.from(value)),
        fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      ),
      { maxLength: 8 },
    ),
    cuts: fc.array(fc.nat({ max: 12 }), { maxLength: 60 }),
  }),
);

function spelled(value: string): fc.Arbitrary<Buffer> {
  const inMore = fc
    .tuple(
      fc.uint8Array({ maxLength: 4 }),
      fc.uint8Array({ maxLength: 4 }),
      fc.constantFrom('base64', 'base64url'),
    )
    .map(([before, after, encoding]) =>
      Buffer.from(Buffer.concat([before, Buffer.from(value), after]).toString(encoding as 'base64')),
    );
  return fc.oneof(
    fc.constant(Buffer.from(value)),
    fc.constant(Buffer.from(value).toString('hex')).map((hex) => Buffer.from(hex)),
    fc.constant(Buffer.from(JSON.stringify(value))),
    inMore,
    inMore.map((bytes) => Buffer.from(bytes.toString().replace(/.{5}/g, '$&\n'))),
  );
}

test('however a stream is cut, the result is that of the whole', () => {
  fc.assert(
    fc.property(scene, ({ secrets, parts, cuts }) => {
      const input = Buffer.concat(parts);
      const redaction = createRedaction(secrets);
      const whole = Buffer.from(redaction.redactBytes(input));
      const stream = redaction.redactor();
      const pieces: Uint8Array[] = [];
      let at = 0;
      for (const size of [...cuts, input.length]) {
        pieces.push(stream.push(input.subarray(at, at + size)));
        at += size;
      }
      pieces.push(stream.end());
      assert.deepEqual(Buffer.concat(pieces), whole);
    }),
    { numRuns: 1000 },
  );
});

test('nothing of a value remains: neither plain, nor in base64 at any place', () => {
  // Without characters of the mask and of one alphabet only, so that no value arises from what is left.
  const secret = fc.string({
    unit: fc.constantFrom(...'ABCDEFGHijklmnop0123456789'),
    minLength: 6,
    maxLength: 40,
  });
  const around = fc.uint8Array({ maxLength: 30 });
  fc.assert(
    fc.property(secret, around, around, fc.boolean(), (value, before, after, url) => {
      const { redactText } = createRedaction([value]);
      const text = Buffer.concat([before, Buffer.from(value), after]);
      assert.ok(!redactText(text.toString('latin1')).includes(value));
      const encoded = redactText(text.toString(url ? 'base64url' : 'base64'));
      for (const word of encoded.split('***')) {
        for (const shift of [0, 1, 2, 3]) {
          const decoded = Buffer.from('AAA'.slice(0, shift) + word, 'base64').toString('latin1');
          // Of 6 bytes or more, only the bits of the first and the last that the neighbours share may be there.
          for (let at = 0; at + 3 <= value.length; at++) {
            const piece = value.slice(at, at + 3);
            assert.ok(
              !decoded.includes(piece) || text.toString('latin1').split(value).join('').includes(piece),
            );
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('what has no value in any spelling is unchanged', () => {
  // Digits of values and texts differ, so that no spelling of one can be in the other.
  const secret = fc.string({ unit: fc.constantFrom(...'ABCDEFGH'), minLength: 8, maxLength: 30 });
  fc.assert(
    fc.property(
      secret,
      fc.string({ unit: fc.constantFrom(...'xyz,. \r\n|~ü🔒'), maxLength: 300 }),
      (value, text) => {
        assert.equal(createRedaction([value]).redactText(text), text);
      },
    ),
  );
});

test('agrees with a search for every spelling at every place', () => {
  fc.assert(
    fc.property(
      fc.array(tightValue, { minLength: 1, maxLength: 4 }),
      fc.array(tightValue),
      (secrets, parts) => {
        const input = parts.join('');
        const usable = secrets.filter((value) => value.trim() !== '');
        // Only plain spellings can be in a text of these letters; base64 of them has others.
        const spellings = new Set(usable.flatMap((value) => [value, value.trim(), ...linesOf(value)]));
        assert.equal(redact(input, ...usable), replaceAll(input, [...spellings]));
      },
    ),
    { numRuns: 1000 },
  );
});

function linesOf(value: string): string[] {
  return value.includes('\n') ? value.split('\n').filter((line) => line.length >= 8) : [];
}

function replaceAll(text: string, spellings: string[]): string {
  const hidden = Array.from(text, () => -1); // number of the stars that stand for it
  let stars = 0;
  let end = 0;
  for (let at = 0; at < text.length; at++) {
    const longest = Math.max(
      0,
      ...spellings.filter((each) => text.startsWith(each, at)).map(({ length }) => length),
    );
    if (longest === 0) continue;
    if (at >= end) stars += 1;
    for (let each = at; each < at + longest; each++) if (hidden[each] === -1) hidden[each] = stars;
    end = Math.max(end, at + longest);
  }
  let result = '';
  for (let at = 0; at < text.length; at++) {
    if (hidden[at] === -1) result += text[at];
    else if (at === 0 || hidden[at] !== hidden[at - 1]) result += '***';
  }
  return result;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
