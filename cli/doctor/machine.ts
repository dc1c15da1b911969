/** Looks at the machine that need nothing of wiz but the path of its state folder. */
import { accessSync, constants, existsSync, statfsSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { type Finding, fail, ok, warn } from '../../proto/finding.ts';
import { bytes, duration } from '../render/words.ts';

const NEEDED_NODE = 24;
/** Logs and the journal need some; a run of a few gigabytes of logs is nothing special. */
const LITTLE_SPACE_BYTES = 1e9;
const NO_SPACE_BYTES = 50e6;
/** Bytes that the path of a unix socket may have, without its final zero: sun_path of Linux and of the BSDs. */
const SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103;
/** /executors/, a KSUID of 27 characters, /socket; and /wiz-XXXXXX/s. */
const BELOW_HOME_BYTES = 45;
const BELOW_TEMP_BYTES = 13;
/** Milliseconds that the clock of the file system may be off ours before times of files mislead. */
const CLOCK_MS = 5000;
/** A clock before this was never set: this code is younger. */
const EARLIEST_MS = Date.UTC(2025, 0, 1);

export function nodeVersion(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= NEEDED_NODE) return ok('node', process.version);
  return fail('node', process.version, `Install Node ${NEEDED_NODE} or later.`);
}

export function stateFolder(home: string): Finding {
  const name = 'state folder';
  try {
    const existing = nearestExisting(home);
    accessSync(existing, constants.W_OK);
    if (existing !== home) return ok(name, `${home} (is made when it is needed)`);
    const mode = statSync(home).mode & 0o777;
    if ((mode & 0o077) === 0) return ok(name, home);
    const others = `${home} has mode ${mode.toString(8)}: others can read runs and logs`;
    return warn(name, others, `chmod 700 ${home}`);
  } catch (error) {
    return fail(
      name,
      `${home}: ${(error as Error).message}`,
      'Set WIZ_HOME to a folder that you can write to.',
    );
  }
}

export function freeSpace(home: string): Finding {
  const name = 'free space';
  const { bavail, bsize } = statfsSync(nearestExisting(home));
  const free = bavail * bsize;
  const advice = `Free some on the disk of ${home}, or set WIZ_HOME to another folder.`;
  if (free < NO_SPACE_BYTES) return fail(name, bytes(free), advice);
  return free < LITTLE_SPACE_BYTES ? warn(name, bytes(free), advice) : ok(name, bytes(free));
}

export function socketPath(home: string): Finding {
  const name = 'socket path';
  const length = Buffer.byteLength(home) + BELOW_HOME_BYTES;
  if (length <= SOCKET_PATH_BYTES) return ok(name, `${length} of ${SOCKET_PATH_BYTES} bytes`);
  // Executors then make their sockets in the temp folder.
  const inTemp = Buffer.byteLength(tmpdir()) + BELOW_TEMP_BYTES;
  const found = `${length} bytes under ${home}, ${SOCKET_PATH_BYTES} are allowed`;
  if (inTemp <= SOCKET_PATH_BYTES) return ok(name, `${found}: they are made in ${tmpdir()}`);
  return fail(name, found, 'Set WIZ_HOME, or TMPDIR, to a folder with a shorter path.');
}

export function clock(home: string): Finding {
  const name = 'clock';
  const nowMs = Date.now();
  const advice = 'Set the clock, for example with timedatectl set-ntp true.';
  if (nowMs < EARLIEST_MS) return fail(name, `it says ${new Date(nowMs).toISOString()}`, advice);
  const probe = join(nearestExisting(home), `.wiz-doctor-${process.pid}`);
  try {
    writeFileSync(probe, '');
    const offMs = Math.abs(statSync(probe).mtimeMs - nowMs);
    unlinkSync(probe);
    if (offMs < CLOCK_MS) return ok(name, new Date(nowMs).toISOString());
    return warn(name, `the file system's clock is ${duration(offMs)} off`, advice);
  } catch {
    // The state folder is told about on its own line.
    return ok(name, new Date(nowMs).toISOString());
  }
}

/** The shells that `shell:` can name. */
export function shells(environment: NodeJS.ProcessEnv): Finding[] {
  const programs = { bash: ['bash'], sh: ['sh'], python: ['python3', 'python'], node: ['node'] };
  return Object.entries(programs).map(([shell, names]) => {
    const found = names
      .map((name) => lookUp(name, environment.PATH ?? ''))
      .find((path) => path !== undefined);
    if (found) return ok(`shell ${shell}`, found);
    const advice = `Install ${names[0]} if pipelines use shell: ${shell}.`;
    return warn(`shell ${shell}`, `no ${names.join(' or ')} in PATH`, advice);
  });
}

function lookUp(program: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return statSync(file).isFile();
      } catch {
        return false;
      }
    });
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}
