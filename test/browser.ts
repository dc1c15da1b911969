import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sparticuz from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

/** A real Chromium without a screen. */
export interface TestBrowser {
  browser: Browser;
  /** Ends it; nothing of it is left. */
  close(): Promise<void>;
}

export async function startBrowser(options: { args?: string[] } = {}): Promise<TestBrowser> {
  const folder = mkdtempSync(join(tmpdir(), 'b-'));
  const executablePath = await unpacked(folder);
  const browser = await chromium.launch({
    executablePath,
    // Tests run as anybody, root too, who gets no sandbox.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', ...(options.args ?? [])],
    // Its profile, caches and sockets.
    env: { ...definedOf(process.env), TMPDIR: folder, HOME: folder },
  });
  return {
    browser,
    async close() {
      await browser.close();
      await removed(folder);
    },
  };
}

/** The package unpacks into the temporary folder, where another test's browser would unpack too. */
async function unpacked(folder: string): Promise<string> {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    return await sparticuz.executablePath();
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

/** Its last processes may still write while they end. */
async function removed(folder: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      if (tries === 50) throw error;
      await sleep(100);
    }
  }
}

function definedOf(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}
