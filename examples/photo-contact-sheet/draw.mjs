// Draws one photo into WIZ_FILES.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Jimp } from 'jimp';
import { landscape } from './landscape.mjs';

const text = { type: 'string' };
const { values } = parseArgs({ options: { number: text, pixels: text, seed: text } });
const [number, width, seed] = [values.number, values.pixels, values.seed].map(Number);
const height = Math.round((width * 2) / 3);

const image = Jimp.fromBitmap({ width, height, data: landscape(seed * 1000 + number, width, height) });
const name = `photo-${String(number).padStart(3, '0')}.jpg`;
await image.write(join(process.env.WIZ_FILES, name), { quality: 88 });
console.log(`${name}: ${width} × ${height}`);
