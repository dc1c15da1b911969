import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MAX_EXPRESSION, splitText } from './places.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

/** Parts in short: texts in quotes, expressions in brackets, an open one with a `!`. */
function outline(text: string): string {
  return splitText(text)
    .map((part) => (part.kind === 'text' ? `"${part.text}"` : `[${part.source}]${part.closed ? '' : '!'}`))
    .join(' ');
}

describe('splitText', () => {
  test('texts and expressions in order', () => {
    assert.equal(outline(''), '');
    assert.equal(outline('a'), '"a"');
    assert.equal(outline('${{a}}'), '[a]');
    assert.equal(outline('x ${{ a }}${{b}} y'), '"x " [ a ] [b] " y"');
  });

  test('an expression ends outside of quotes, braces and comments', () => {
    assert.equal(outline('${{ {"a": {"b": 1}} }}x'), '[ {"a": {"b": 1}} ] "x"');
    assert.equal(outline(`\${{ '}}' + "}}" + '''}}'}}''' }}x`), `[ '}}' + "}}" + '''}}'}}''' ] "x"`);
    assert.equal(outline(`\${{ "\\"}}" + r'\\' }}x`), `[ "\\"}}" + r'\\' ] "x"`);
    assert.equal(outline("${{ a // it's\n + b }}x"), '[ a // it\'s\n + b ] "x"');
    assert.equal(outline("${{ a // it's }}x"), '[ a // it\'s ] "x"');
  });

  test('where quotes or braces do not close, it ends at the first }}', () => {
    assert.equal(outline(`\${{ "a }} x "`), '[ "a ] " x ""');
    assert.equal(outline('${{ {a }} x'), '[ {a ] " x"');
    assert.equal(outline('x ${{ a'), '"x " [ a]!');
    assert.equal(outline('${{'), '[]!');
    assert.equal(outline('${{}'), '[}]!');
    assert.equal(outline('${{}}'), '[]');
  });

  test('a dollar more is a literal', () => {
    assert.equal(outline('$${{ a }}'), '"${{ a }}"');
    assert.equal(outline('$$${{ a }}${{b}}'), '"$${{ a }}" [b]');
    assert.equal(outline('${a} $${b}'), '"${a} $${b}"');
  });

  test('many that are open take no longer than their characters', () => {
    const parts = splitText('${{ " '.repeat(20_000));
    assert.equal(parts.length, 1);
    const long = splitText(`\${{ ${' '.repeat(MAX_EXPRESSION)} "}}" }}`);
    assert.equal(long.length, 2);
  });

  test('parts cover the text', () => {
    const piece = fc.constantFrom('${{', '$${{', '}}', '{', '}', '"', "'", 'a', '\\', '//', '\n', 'r');
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join('');
        let at = 0;
        for (const part of splitText(text)) {
          if (part.kind === 'text') continue;
          assert.ok(part.start >= at && part.end > part.start && part.end <= text.length);
          assert.equal(`\${{${part.source}${part.closed ? '}}' : ''}`, text.slice(part.start, part.end));
          at = part.end;
        }
      }),
    );
  });
});
