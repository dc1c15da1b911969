/** Writes the documentation that is generated: `npm run docs`. cli/reference.test.ts tells when it is out of date. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../cli/oclif.ts';
import { commandReference } from '../cli/reference.ts';

const config = await loadConfig(join(import.meta.dirname, '..'), { fresh: true });
writeFileSync(join(import.meta.dirname, 'cli.md'), commandReference(config));
