// Lays the small photos out on one image, each with a caption and its mean colour.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Jimp, loadFont } from 'jimp';
import { SANS_12_BLACK, SANS_32_BLACK } from 'jimp/fonts';

// Pixels.
const GAP = 24;
const HEAD = 84;
const CAPTION = { width: 220, height: 44 };
const SWATCH = 32;
const PAPER = 0xf6f4efff;

const text = { type: 'string' };
const { values } = parseArgs({ options: { across: text, title: text } });
const { outputs, files } = JSON.parse(readFileSync(process.env.WIZ_INPUT, 'utf8'));

const measured = new Map(outputs.measure.map((one) => [one.photo, one]));
const photos = [];
for (const { path } of Object.values(files.scale))
  photos.push({ image: await Jimp.read(path), ...measured.get(basename(path)) });
if (photos.length === 0) throw new Error('there are no photos');

const across = Math.min(Number(values.across), photos.length);
const cellWidth = Math.max(photos[0].image.width, CAPTION.width) + GAP;
const cellHeight = photos[0].image.height + CAPTION.height + GAP;
const sheet = new Jimp({
  width: across * cellWidth + GAP,
  height: HEAD + Math.ceil(photos.length / across) * cellHeight,
  color: PAPER,
});
const [small, large] = await Promise.all([loadFont(SANS_12_BLACK), loadFont(SANS_32_BLACK)]);
sheet.print({ font: large, x: GAP, y: GAP, text: `${values.title}: ${photos.length} photos` });

photos.forEach(({ image, photo, width, height, bytes, mean_colour, brightness }, index) => {
  const x = GAP + (index % across) * cellWidth;
  const y = HEAD + Math.floor(index / across) * cellHeight;
  const below = y + image.height + 6;
  sheet.composite(image, x, y);
  sheet.composite(new Jimp({ width: SWATCH, height: SWATCH, color: `${mean_colour}ff` }), x, below);
  const caption = [
    `${photo}  ${width} x ${height}`,
    `${mean_colour}  ${kilobytes(bytes)}  ${percent(brightness)} bright`,
  ];
  caption.forEach((line, row) => {
    sheet.print({ font: small, x: x + SWATCH + 8, y: below + row * 16, text: line });
  });
});

await sheet.write(join(process.env.WIZ_FILES, 'contact-sheet.jpg'), { quality: 90 });
console.log(`${photos.length} photos on ${sheet.width} × ${sheet.height} pixels`);

function kilobytes(bytes) {
  return `${Math.round(bytes / 1000)} kB`;
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}
