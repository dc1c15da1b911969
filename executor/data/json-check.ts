/**
 * Says whether bytes are one JSON document, without holding more than one chunk of it: for documents too large to
 * parse. What it takes JSON.parse takes too, and the other way round. That the bytes are UTF-8 is another question.
 */
export interface JsonCheck {
  /** Throws JsonFault. */
  push(chunk: Uint8Array): void;
  end(): void;
}

/** Names the line, and the byte from the beginning of the document, from 0. */
export class JsonFault extends Error {}

/**
 * What may come next:
 *   value      a value must begin; `item` the same, or the end of the list
 *   key        a name must begin; `first-key` the same, or the end of the object
 *   colon      between name and value
 *   after      a comma, the end of what is open, or nothing more
 *   string, escape, unicode     within a string, behind its backslash, within the digits of \u
 *   word       within true, false or null
 *   sign, zero, digits, point, fraction, exponent, exponent-sign, exponent-digits      within a number
 */
type State =
  | 'value'
  | 'item'
  | 'key'
  | 'first-key'
  | 'colon'
  | 'after'
  | 'string'
  | 'escape'
  | 'unicode'
  | 'word'
  | 'sign'
  | 'zero'
  | 'digits'
  | 'point'
  | 'fraction'
  | 'exponent'
  | 'exponent-sign'
  | 'exponent-digits';

const ENDED_NUMBERS = new Set<State>(['zero', 'digits', 'fraction', 'exponent-digits']);
const WORDS = new Map([...['true', 'false', 'null']].map((word) => [word.charCodeAt(0), word]));
const [QUOTE, BACKSLASH, COMMA, COLON, MINUS, PLUS, POINT, ZERO, LF] = codes('"\\,:-+.0\n');
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = codes('[]{}');

export function createJsonCheck(): JsonCheck {
  let state: State = 'value';
  let isKey = false;
  let word = '';
  let left = 0; // of a word or of unicode digits
  let line = 1;
  let before = 0; // bytes of earlier chunks
  let at = 0; // of this chunk
  const open: boolean[] = []; // true: an object

  function fault(byte: number | undefined): JsonFault {
    const what =
      byte === undefined ? 'ends too early' : `has ${shown(byte)} at byte ${before + at}, where it cannot be`;
    return new JsonFault(`line ${line} is not right JSON: it ${what}`);
  }

  function beginValue(byte: number): State {
    if (byte === QUOTE) {
      isKey = false;
      return 'string';
    }
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      open.push(byte === OPEN_OBJECT);
      return byte === OPEN_OBJECT ? 'first-key' : 'item';
    }
    if (byte === MINUS) return 'sign';
    if (byte === ZERO) return 'zero';
    if (isDigit(byte)) return 'digits';
    word = WORDS.get(byte) ?? '';
    if (word === '') throw fault(byte);
    left = word.length - 1;
    return 'word';
  }

  function beginKey(byte: number): State {
    if (byte !== QUOTE) throw fault(byte);
    isKey = true;
    return 'string';
  }

  function close(byte: number): State {
    if (open.pop() !== (byte === CLOSE_OBJECT)) throw fault(byte);
    return 'after';
  }

  function afterValue(byte: number): State {
    if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) return close(byte);
    if (byte !== COMMA || open.length === 0) throw fault(byte);
    return open[open.length - 1] ? 'key' : 'value';
  }

  function afterNumber(byte: number): State {
    return isSpace(byte) ? 'after' : afterValue(byte);
  }

  function next(byte: number): State {
    switch (state) {
      case 'item':
        return byte === CLOSE_LIST ? close(byte) : beginValue(byte);
      case 'value':
        return beginValue(byte);
      case 'first-key':
        return byte === CLOSE_OBJECT ? close(byte) : beginKey(byte);
      case 'key':
        return beginKey(byte);
      case 'colon':
        if (byte !== COLON) throw fault(byte);
        return 'value';
      case 'after':
        return afterValue(byte);
      case 'string':
        if (byte === BACKSLASH) return 'escape';
        if (byte < 32) throw fault(byte);
        if (byte !== QUOTE) return 'string';
        return isKey ? 'colon' : 'after';
      case 'escape':
        if (byte === 117) {
          left = 4;
          return 'unicode';
        }
        if (!'"\\/bfnrt'.includes(String.fromCharCode(byte))) throw fault(byte);
        return 'string';
      case 'unicode':
        if (!/[0-9a-fA-F]/.test(String.fromCharCode(byte))) throw fault(byte);
        return --left === 0 ? 'string' : 'unicode';
      case 'word':
        if (byte !== word.charCodeAt(word.length - left)) throw fault(byte);
        return --left === 0 ? 'after' : 'word';
      default:
        return inNumber(byte);
    }
  }

  function inNumber(byte: number): State {
    const digit = isDigit(byte);
    switch (state) {
      case 'sign':
        if (!digit) throw fault(byte);
        return byte === ZERO ? 'zero' : 'digits';
      case 'point':
        if (!digit) throw fault(byte);
        return 'fraction';
      case 'exponent':
      case 'exponent-sign':
        if (state === 'exponent' && (byte === PLUS || byte === MINUS)) return 'exponent-sign';
        if (!digit) throw fault(byte);
        return 'exponent-digits';
      default:
        if (digit && state !== 'zero') return state;
        if (byte === POINT && (state === 'zero' || state === 'digits')) return 'point';
        if ((byte === 69 || byte === 101) && state !== 'exponent-digits') return 'exponent';
        return afterNumber(byte);
    }
  }

  return {
    push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      for (at = 0; at < bytes.length; at++) {
        const byte = bytes[at]!;
        if (state === 'string') {
          // Most bytes of large documents.
          if (byte >= 32 && byte !== QUOTE && byte !== BACKSLASH) continue;
        } else if (isSpace(byte) && MAY_SPACE.has(state)) {
          if (byte === LF) line++;
          continue;
        }
        state = next(byte);
        if (byte === LF) line++;
      }
      before += bytes.length;
    },
    end() {
      if (open.length > 0 || !(state === 'after' || ENDED_NUMBERS.has(state))) throw fault(undefined);
    },
  };
}

const MAY_SPACE = new Set<State>(['value', 'item', 'key', 'first-key', 'colon', 'after']);

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

function isSpace(byte: number): boolean {
  return byte === 32 || (byte <= 13 && (byte === 9 || byte === 10 || byte === 13));
}

function shown(byte: number): string {
  return byte > 32 && byte < 127 ? JSON.stringify(String.fromCharCode(byte)) : `the byte ${byte}`;
}

function codes(characters: string): number[] {
  return Array.from(characters, (character) => character.charCodeAt(0));
}
