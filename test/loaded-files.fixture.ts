/** Loaded before a command (`NODE_OPTIONS=--import`): LOADED_FILES, a file, gets the URL of each module that it loads. */
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const { LOADED_FILES } = process.env;
// What the command starts loads its own.
delete process.env.LOADED_FILES;
delete process.env.NODE_OPTIONS;
if (LOADED_FILES !== undefined) {
  registerHooks({
    load(url, context, next) {
      appendFileSync(LOADED_FILES, `${url}\n`);
      return next(url, context);
    },
  });
}
