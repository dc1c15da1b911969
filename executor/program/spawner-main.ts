import fs from 'node:fs';
import net from 'node:net';
import { createFrameReader, createFrameWriter, encodeExit, FrameKind, type SpawnerStats } from './frames.ts';
import { createNativeBackend } from './native-backend.ts';
import { createPortableBackend } from './portable-backend.ts';
import { childProcesses, killGroup } from './process-group.ts';
import { createProgramHost, type SpawnBackend } from './program-host.ts';

/**
 * The spawner: a small process that does nothing but start programs, carry their output, wait for them and
 * kill them, because starting a program from a process as large as an executor is slow.
 *
 * It speaks frames.ts on descriptor 3. The end of that channel is the end of the executor, however it came
 * about: every program is killed at once, since nobody is left who would record how it went on.
 */

/** Unsent output above which no program is read; bytes. A bound for all programs together, where the output
 *  window bounds each one. */
const CHANNEL_LIMIT = 8 * 1024 * 1024;

const backend = chooseBackend();
const channel = new net.Socket({ fd: 3, readable: true, writable: true });
const writer = createFrameWriter(channel);
let held = false;

const host = createProgramHost(backend, {
  started: (id, pid) => writer.u32(FrameKind.started, id, pid),
  output(id, side, data) {
    writer.frame(side === 0 ? FrameKind.stdout : FrameKind.stderr, id, data);
    if (!held && channel.writableLength > CHANNEL_LIMIT) {
      held = true;
      host.hold(true);
    }
  },
  exited: (id, exit) => writer.frame(FrameKind.exited, id, encodeExit(exit)),
  refused: (id, code) => writer.frame(FrameKind.refused, id, Buffer.from(code)),
  burst: () => writer.flush(),
});

channel.on('drain', () => {
  if (!held) return;
  held = false;
  host.hold(false);
});
channel.on(
  'data',
  createFrameReader((kind, id, body) => {
    if (kind === FrameKind.spawn) host.spawn(id, body);
    else if (kind === FrameKind.signal) host.signal(id, body.readUInt32LE(0));
    else if (kind === FrameKind.credit) host.credit(id, body.readUInt32LE(0));
    else if (kind === FrameKind.stats)
      writer.frame(FrameKind.stats, id, Buffer.from(JSON.stringify(stats())));
  }),
);
channel.on('error', endAll);
channel.on('end', endAll);
channel.on('close', endAll);

// The executor decides when programs end; signals meant for the whole service must not get ahead of it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

writer.frame(FrameKind.hello, 0, Buffer.from(JSON.stringify({ kind: backend.kind, pid: process.pid })));

function chooseBackend(): SpawnBackend {
  if (process.env.WIZ_SPAWNER === 'portable') return createPortableBackend();
  try {
    return createNativeBackend();
  } catch {
    return createPortableBackend();
  }
}

function stats(): SpawnerStats {
  return {
    kind: backend.kind,
    pid: process.pid,
    ...host.counts(),
    openFiles: fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : 0,
    rssBytes: process.memoryUsage.rss(),
    unsentBytes: channel.writableLength,
  };
}

let ending = false;

/** Programs first, then what their deaths leave to this process, until nothing is left. */
function endAll(): void {
  if (ending) return;
  ending = true;
  for (const pid of host.groups()) killGroup(pid, 'SIGKILL');
  const giveUpAt = Date.now() + 2000; // processes in uninterruptible sleep are left to the kernel
  const again = () => {
    const left = childProcesses();
    for (const pid of left) {
      killGroup(pid, 'SIGKILL');
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Ended meanwhile.
      }
    }
    if (left.length === 0 || Date.now() > giveUpAt) process.exit(0);
    setTimeout(again, 5);
  };
  again();
}
