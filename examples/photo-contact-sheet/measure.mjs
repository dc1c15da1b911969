// Prints what is to be known about one photo, as JSON.
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { Jimp } from 'jimp';

const [path] = process.argv.slice(2);
const { width, height, data } = (await Jimp.read(path)).bitmap;

const sums = [0, 0, 0];
let [light, squares] = [0, 0];
for (let at = 0; at < data.length; at += 4) {
  for (let i = 0; i < 3; i++) sums[i] += data[at + i];
  // As bright as the eye has it (Rec. 709), 0 to 1.
  const one = (0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2]) / 255;
  light += one;
  squares += one * one;
}
const pixels = width * height;
const brightness = light / pixels;

console.log(
  JSON.stringify({
    photo: basename(path),
    width,
    height,
    bytes: statSync(path).size,
    mean_colour: `#${sums
      .map((sum) =>
        Math.round(sum / pixels)
          .toString(16)
          .padStart(2, '0'),
      )
      .join('')}`,
    brightness: round(brightness),
    contrast: round(Math.sqrt(Math.max(0, squares / pixels - brightness ** 2))),
  }),
);

function round(share) {
  return Math.round(share * 1000) / 1000;
}
