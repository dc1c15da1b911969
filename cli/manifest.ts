/**
 * Writes oclif.manifest.json beside the bundled commands: what they take, and in which files they are, so that a
 * start loads one command instead of all. Called by the build once the bundle is there.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from '@oclif/core/config';
import { loadConfig } from './oclif.ts';

/** `root` is the folder of the bundle that holds cli/commands: dist. */
export async function writeManifest(root: string): Promise<void> {
  const config = await loadConfig(root, { fresh: true });
  const { manifest } = config.getPluginsList()[0] as Plugin;
  if (Object.keys(manifest.commands).length === 0)
    throw new Error(`There are no commands in ${root}/cli/commands.`);
  writeFileSync(join(root, 'oclif.manifest.json'), `${JSON.stringify(manifest)}\n`);
}
