/** Shortest encoded form that is looked for, in characters: shorter ones are in every other text by chance. */
const LEAST_ENCODED = 4;
/** Lines of a value that are shorter are not looked for by themselves, in characters. */
const LEAST_LINE = 8;

export interface Spellings {
  /** Plain, escaped, hexadecimal. */
  texts: Set<string>;
  /** Base64 in both alphabets; encoders break it into lines. */
  base64: Set<string>;
}

/**
 * How a value may be written in a log: as it is, without the space around it, line by line, as JSON, in a URL, in base64
 * and in hexadecimal; encoded forms of fewer than four characters are left out.
 */
export function spellingsOf(values: readonly string[]): Spellings {
  const texts = new Set<string>();
  const base64 = new Set<string>();
  for (const value of values.map((each) => each.toWellFormed())) {
    const trimmed = value.trim();
    // What encodes the value encodes the trimmed one too, within; but the ends of the whole one are neater to replace.
    for (const whole of new Set([value, trimmed])) {
      for (const text of [...plain(whole), ...escaped(whole)]) texts.add(text);
      for (const text of inBase64(Buffer.from(whole))) base64.add(text);
    }
    for (const text of hexadecimal(trimmed)) texts.add(text);
    for (const line of longLines(value)) {
      for (const text of [line, line.trim(), ...escaped(line.trim())]) texts.add(text);
    }
  }
  texts.delete('');
  return { texts, base64 };
}

function longLines(value: string): string[] {
  const lines = value.split(/\r\n|\n|\r/);
  return lines.length === 1 ? [] : lines.filter((line) => line.trim().length >= LEAST_LINE);
}

/** As it is, and as a terminal changes it. */
function plain(text: string): string[] {
  return [text, text.replace(/\r?\n/g, '\r\n'), text.replace(/\r\n/g, '\n')];
}

function escaped(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const url = encodeURIComponent(text);
  const strict = url.replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);
  const urls = [url, strict].flatMap((each) => [each, each.replaceAll('%2F', '/')]);
  return [
    json,
    json.replaceAll('/', '\\/'),
    unicodeEscaped(json, /[\u007f-\uffff]/g),
    unicodeEscaped(json, /[<>&\u2028\u2029]/g),
    ...urls,
    ...urls.map((each) => each.replaceAll('%20', '+')),
    ...inAddress(text),
    ...[...urls, ...inAddress(text)].map((each) =>
      each.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    ),
  ];
}

/** What the parts of an address do not hold as it is (WHATWG URL): fewer signs than encodeURIComponent knows. */
const IN_PATH = /[\0- "<>`{}^\u007f-\uffff]+/g;
const IN_QUERY = /[\0- "<>'\u007f-\uffff]+/g;
const IN_FRAGMENT = /[\0- "<>`\u007f-\uffff]+/g;
const IN_PASSWORD = /[\0- "<>`{}^\u007f-\uffff/:;=@[\]\\|?#]+/g;

/** As a program writes it that read an address with the value in it: at its end, in its query, its fragment, as password. */
function inAddress(text: string): string[] {
  const [, path = '', query = '', fragment = ''] = /^([^?#]*)([^#]*)(.*)$/s.exec(text)!;
  const encode = (part: string, signs: RegExp) =>
    part.replace(signs, (found) => encodeURIComponent(found).replaceAll("'", '%27'));
  return [
    encodeURI(text),
    encode(path, IN_PATH) + encode(query, IN_QUERY) + encode(fragment, IN_FRAGMENT),
    encode(text, IN_QUERY),
    encode(text, IN_FRAGMENT),
    encode(text, IN_PASSWORD),
  ];
}

function unicodeEscaped(json: string, which: RegExp): string {
  return json.replace(which, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function hexadecimal(text: string): string[] {
  const hex = Buffer.from(text).toString('hex');
  return hex.length < LEAST_ENCODED ? [] : [hex, hex.toUpperCase()];
}

/**
 * Of the value alone (also with the line break that `echo` adds), all; of the value in a longer text, at the three places
 * in a group that it may begin at, the characters that are the value's alone. The one before and the one after, which
 * its neighbours have a part in, hold at most 4 bits of it each.
 */
function inBase64(value: Buffer): string[] {
  const found: string[] = [];
  for (const whole of [value, Buffer.concat([value, Buffer.from('\n')])]) {
    const text = whole.toString('base64');
    found.push(text, text.replace(/=+$/, ''));
  }
  for (const offset of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(offset), value]).toString('base64');
    found.push(text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + value.length) * 8) / 6)));
  }
  return found
    .filter(({ length }) => length >= LEAST_ENCODED)
    .flatMap((text) => [text, text.replaceAll('+', '-').replaceAll('/', '_')]);
}
