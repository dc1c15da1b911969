import { readFileSync } from 'node:fs';

/** The version of this wiz: put in by the build, read from package.json when it runs from its sources. */
export const WIZ_VERSION: string =
  process.env.WIZ_VERSION ??
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
    .version;
