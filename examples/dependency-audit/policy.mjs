// Fails, with what is wrong on standard error, when a package's licence is not allowed.
import { readFileSync } from 'node:fs';

const { licences } = JSON.parse(readFileSync(process.env.WIZ_INPUT, 'utf8')).outputs;
const allowed = new Set(process.env.ALLOWED_LICENCES.split(',').map((name) => name.trim()));

/** "(MIT OR GPL-3.0)" is allowed for its first part; with AND every part must be. */
function isAllowed(expression) {
  return expression
    .replace(/[()]/g, '')
    .split(/ OR /i)
    .some((part) => part.split(/ AND /i).every((name) => allowed.has(name.trim())));
}

const refused = Object.keys(licences ?? {}).filter((licence) => !isAllowed(licence));
for (const licence of refused)
  console.error(`not allowed: ${licence} (${licences[licence].packages} packages)`);
if (refused.length > 0) process.exit(1);
console.log('every licence is allowed');
