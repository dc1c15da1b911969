// Leaves one photo, scaled down, in WIZ_FILES.
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Jimp } from 'jimp';

const { values, positionals } = parseArgs({ options: { width: { type: 'string' } }, allowPositionals: true });
const [path] = positionals;

const image = await Jimp.read(path);
image.resize({ w: Number(values.width) });
await image.write(join(process.env.WIZ_FILES, basename(path)), { quality: 90 });
console.log(`${basename(path)}: ${image.width} × ${image.height}`);
