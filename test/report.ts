import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

/** Lines of a failed file's own output that are shown. */
const OUTPUT_LINES = 60;

interface FileReport {
  /** Names of the tests around the one that is reported, by nesting. */
  path: string[];
  output: string;
  notes: string[];
  skips: string[];
  failures: string[];
}

/**
 * Prints one line for each test file, what failed in full, why tests were skipped, and at last the counts that
 * node's own TAP reporter ends with.
 */
export class Report {
  readonly #root: string;
  readonly #files = new Map<string, FileReport>();
  readonly #failures: string[] = [];
  readonly #skips: string[] = [];
  #counts = { tests: 0, suites: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };
  #success = true;
  #durationMs = 0;

  constructor(root: string) {
    this.#root = root;
  }

  get failed(): boolean {
    return !this.#success;
  }

  take(event: TestEvent): void {
    const data = event.data as { entryFile?: string; file?: string } | undefined;
    const path = data?.entryFile ?? data?.file;
    const file = path ? this.#file(relative(this.#root, path)) : undefined;
    // Without an entry file, a result is that of the whole file.
    const whole = data?.entryFile === undefined;
    switch (event.type) {
      case 'test:stdout':
      case 'test:stderr':
        if (file) file.output += event.data.message;
        break;
      case 'test:diagnostic':
        if (file) file.notes.push(event.data.message);
        break;
      case 'test:start':
        file?.path.splice(event.data.nesting, Infinity, event.data.name);
        break;
      case 'test:pass':
        if (file && event.data.skip !== undefined) {
          file.skips.push(
            `${nameOf(file, event.data)}: ${event.data.skip === true ? 'no reason given' : event.data.skip}`,
          );
        }
        break;
      case 'test:fail': {
        if (!file || event.data.todo !== undefined) break;
        const error = event.data.details.error as Error & { failureType?: string };
        if (error.failureType !== 'subtestsFailed') {
          const name = whole ? 'the file as a whole' : nameOf(file, event.data);
          file.failures.push(`✖ ${name}\n${indent(inspect(error.cause ?? error), 4)}`);
        }
        if (whole) this.#printFile(relative(this.#root, path!), file, event.data.details.duration_ms, '');
        break;
      }
      case 'test:summary': {
        const { counts, duration_ms, success } = event.data;
        if (file) {
          const tests = counts.tests === 1 ? '1 test' : `${counts.tests} tests`;
          this.#printFile(relative(this.#root, path!), file, duration_ms, tests);
        } else {
          // `failed` is there, but not in the types yet.
          this.#counts = { failed: 0, ...counts };
          this.#success = success;
          this.#durationMs = duration_ms;
        }
      }
    }
  }

  /** Adds one last check, which fails when there are findings, and prints the summary. */
  end(check: string, findings: string[]): void {
    this.#counts.tests++;
    if (findings.length > 0) {
      this.#counts.failed++;
      this.#success = false;
      this.#failures.push(check);
      console.log(`✖ ${check}\n${indent(findings.join('\n'), 4)}`);
    } else {
      this.#counts.passed++;
      console.log(`✔ ${check}`);
    }
    if (this.#skips.length > 0) console.log(`\nSkipped:\n${indent(this.#skips.join('\n'), 2)}`);
    if (this.#failures.length > 0) console.log(`\nFailed:\n${indent(this.#failures.join('\n'), 2)}`);
    const { tests, suites, passed, failed, cancelled, skipped, todo } = this.#counts;
    console.log(
      `\n# tests ${tests}\n# suites ${suites}\n# pass ${passed}\n# fail ${failed}\n# cancelled ${cancelled}\n` +
        `# skipped ${skipped}\n# todo ${todo}\n# duration_ms ${Math.round(this.#durationMs)}`,
    );
  }

  #file(path: string): FileReport {
    let file = this.#files.get(path);
    if (!file) {
      file = { path: [], output: '', notes: [], skips: [], failures: [] };
      this.#files.set(path, file);
    }
    return file;
  }

  #printFile(path: string, file: FileReport, durationMs: number, tests: string): void {
    const sign = file.failures.length > 0 ? '✖' : '✔';
    console.log(`${sign} ${path}  ${tests}  ${Math.round(durationMs)} ms`);
    for (const failure of file.failures) {
      console.log(indent(failure, 2));
      this.#failures.push(`${path}: ${failure.split('\n')[0]!.slice(2)}`);
    }
    if (file.failures.length > 0 && file.output.trim() !== '') {
      console.log(
        indent(`its output:\n${file.output.trimEnd().split('\n').slice(-OUTPUT_LINES).join('\n')}`, 4),
      );
    }
    for (const note of file.notes) console.log(`  ${note}`);
    for (const skip of file.skips) this.#skips.push(`${path}: ${skip}`);
    Object.assign(file, { failures: [], output: '', notes: [], skips: [] });
  }
}

function nameOf(file: FileReport, test: { name: string; nesting: number }): string {
  return [...file.path.slice(0, test.nesting), test.name].join(' › ');
}

function indent(text: string, columns: number): string {
  return text.replace(/^(?=.)/gm, ' '.repeat(columns));
}
