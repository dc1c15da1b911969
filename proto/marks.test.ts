import assert from 'node:assert/strict';
import test from 'node:test';
import { fileMark, markedJson, marksOf, quoteText, replaceMarks, secretMark } from './marks.ts';

const file = { hash: 'ab'.repeat(32), size: 3, folder: false, place: 'draw/"a"\\b $(x).png' };
const secret = 'it\'s "$ECRET"\\';

const replaced = (text: string) =>
  replaceMarks(text, (mark) => (mark.kind === 'file' ? `/staging/${mark.place}` : secret));

test('JSON of a value with marks is, with the marks replaced, JSON of what replaces them', () => {
  const value = {
    path: fileMark(file),
    list: [secretMark('KEY'), `--key=${secretMark('KEY')}&x="1"`, null, 1, true],
    plain: 'a\0b "quoted"',
  };
  assert.deepEqual(JSON.parse(replaced(markedJson(value))), {
    path: `/staging/${file.place}`,
    list: [secret, `--key=${secret}&x="1"`, null, 1, true],
    plain: 'a\0b "quoted"',
  });
  assert.deepEqual(marksOf(markedJson([value.path])), [{ kind: 'file', ...file }]);
  assert.deepEqual(
    JSON.parse(JSON.parse(replaced(markedJson(markedJson(value.path))))),
    `/staging/${file.place}`,
  );
});

test('JSON without marks is that of JSON.stringify', () => {
  for (const value of [null, 1.5, 'text', ['a\nb', { 'key"': [] }], { a: '\\u0000' }]) {
    assert.equal(markedJson(value), JSON.stringify(value));
  }
});

test('of quotes within quotes each escapes what the inner one gives', () => {
  const json = markedJson({ key: secretMark('KEY') });
  assert.equal(replaced(quoteText(json, 'double')), quoteText(replaced(json), 'double'));
  assert.equal(replaced(quoteText(json, 'single')), quoteText(replaced(json), 'single'));
});
