// Exit code 0 when the daemon of this state folder says that it is ready. It tells in daemon.json where it serves.
import { readFileSync } from 'node:fs';
import { get as getClear } from 'node:http';
import { get as getTls } from 'node:https';
import { join } from 'node:path';

const { url } = JSON.parse(readFileSync(join(process.env.WIZ_HOME ?? '/var/lib/wiz', 'daemon.json'), 'utf8'));
const get = url.startsWith('https:') ? getTls : getClear;
// It asks the process beside it: whose certificate that is matters to others.
get(`${url}/readyz`, { timeout: 4000, rejectUnauthorized: false }, ({ statusCode }) => {
  process.exit(statusCode === 200 ? 0 : 1);
})
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1));
