/** Writes the documentation that is generated: `npm run docs`. cli/reference.test.ts and
 *  manager/config/reference.test.ts tell when it is out of date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../cli/oclif.ts';
import { commandReference } from '../cli/reference.ts';
import { withSettingsTable } from '../manager/config/reference.ts';

const config = await loadConfig(join(import.meta.dirname, '..'), { fresh: true });
writeFileSync(join(import.meta.dirname, 'cli.md'), commandReference(config));

const configuration = join(import.meta.dirname, 'configuration.md');
writeFileSync(configuration, withSettingsTable(readFileSync(configuration, 'utf8')));
