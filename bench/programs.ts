/**
 * Programs a second through the whole system, beside what does nothing but start programs:
 * `npm run bench:programs [-- --json]`.
 *
 * 2,000 times /bin/true, eight at a time: as processors of one pipeline, with xargs -P8, and with make -j8. The
 * three take turns, so that all see the same machine. `fat_manager` is the first again, while the process of the
 * manager holds one GB: starting a program must not be done by a large process.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answer, inFreshProcess, median, note, printResults, ROUNDS, round, rounded } from './rounds.ts';
import { openSystem } from './system.ts';

const PROGRAMS = 2_000;
const AT_ONCE = 8;
const FAT_BYTES = 1e9;

type Task = { home: string; fat: boolean };

if (round !== undefined) await oneRound(round as Task);
else allRounds();

async function oneRound({ home, fat }: Task): Promise<void> {
  const system = await openSystem(home, { WIZ_SLOTS: String(AT_ONCE) });
  const names = Array.from({ length: PROGRAMS }, (_, i) => `  p${i}: {program: [/bin/true]}\n`);
  await system.apply(`name: programs\nprocessors:\n${names.join('')}`);
  // Filled, so that it is resident and not a promise.
  const ballast = Buffer.alloc(fat ? FAT_BYTES : 0, 1);
  const ms = await system.run('programs');
  answer({ ms, ballast: ballast.at(-1) ?? 0 });
  await system.close();
}

function allRounds(): void {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-bench-'));
  try {
    const makefile = join(folder, 'Makefile');
    const targets = Array.from({ length: PROGRAMS }, (_, i) => `t${i}`).join(' ');
    writeFileSync(makefile, `all: ${targets}\n.PHONY: all ${targets}\n${targets}:\n\t@/bin/true\n`);
    const numbers = `${Array.from({ length: PROGRAMS }, (_, i) => i).join('\n')}\n`;

    const wiz = (fat: boolean) => () => {
      const home = join(folder, 'home');
      const { ms } = inFreshProcess<{ ms: number }>(import.meta.filename, { home, fat });
      rmSync(home, { recursive: true });
      return ms;
    };
    const contestants: Record<string, () => number> = {
      wiz: wiz(false),
      xargs: () => timed('xargs', ['-P', String(AT_ONCE), '-n', '1', '/bin/true'], numbers),
      make: () => timed('make', ['-s', `-j${AT_ONCE}`, '-f', makefile], ''),
      fat_manager: wiz(true),
    };
    const perSecond: Record<string, number[]> = { wiz: [], xargs: [], make: [], fat_manager: [] };
    for (let i = 1; i <= ROUNDS; i++) {
      for (const [name, time] of Object.entries(contestants)) {
        const result = (PROGRAMS / time()) * 1000;
        perSecond[name]!.push(result);
        note(`round ${i}: ${name.padEnd(11)} ${rounded(result)}/s`);
      }
    }
    const of = (name: string) => rounded(median(perSecond[name]!));
    printResults(
      {
        wiz_per_s: of('wiz'),
        xargs_per_s: of('xargs'),
        make_per_s: of('make'),
        fat_manager_per_s: of('fat_manager'),
      },
      {
        wiz_per_s: `programs a second, ${PROGRAMS} processors, ${AT_ONCE} slots`,
        xargs_per_s: `programs a second, xargs -P${AT_ONCE}`,
        make_per_s: `programs a second, make -j${AT_ONCE}`,
        fat_manager_per_s: 'programs a second, as the first, while the manager holds 1 GB',
      },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function timed(program: string, args: string[], input: string): number {
  const started = performance.now();
  const { status, error } = spawnSync(program, args, { input, stdio: ['pipe', 'ignore', 'inherit'] });
  if (status !== 0) throw error ?? new Error(`${program} ended with ${status}.`);
  return performance.now() - started;
}
