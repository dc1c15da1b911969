// A landscape at some time of the day: sky with clouds or stars, sun or moon, ridges in haze, and perhaps a lake.
import { fractalNoise, randomOf } from './noise.mjs';

/** Colours of a time of the day: sky above, sky at the horizon, the land that is nearest, and the light. */
const TIMES = [
  { above: [24, 38, 82], horizon: [240, 150, 92], land: [24, 22, 40], light: [255, 214, 150] },
  { above: [62, 116, 190], horizon: [206, 224, 236], land: [44, 70, 42], light: [255, 252, 240] },
  { above: [96, 132, 168], horizon: [222, 218, 206], land: [86, 82, 48], light: [255, 246, 220] },
  { above: [58, 44, 98], horizon: [236, 116, 96], land: [34, 20, 38], light: [255, 190, 130] },
  { above: [8, 12, 32], horizon: [44, 60, 100], land: [6, 9, 18], light: [226, 232, 246] },
  { above: [128, 142, 152], horizon: [204, 210, 212], land: [58, 70, 66], light: [238, 240, 240] },
];
const NIGHT = 4;

/** Pixels, 4 bytes each, of a landscape that is always the same for a seed. */
export function landscape(seed, width, height) {
  const random = randomOf(seed);
  const noise = fractalNoise(random, 5);
  const time = Math.floor(random() * TIMES.length);
  const colours = TIMES[time];
  const horizon = height * (0.45 + 0.2 * random());
  const light = { x: width * (0.15 + 0.7 * random()), y: horizon * (0.2 + 0.65 * random()) };
  const radius = height * (0.02 + 0.03 * random());
  const cloudiness = random();
  const shore = random() < 0.5 ? height * (0.76 + 0.1 * random()) : height;
  const ridges = ridgesOf(random, noise, width, height, horizon);

  const pixels = Buffer.alloc(width * height * 4);
  const colour = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // A lake has what is above its shore, upside down and in ripples.
      const depth = y - shore;
      const ripple = depth < 0 ? 0 : (noise((x / width) * 8, y / 3) - 0.5) * (4 + depth / 6);
      seen(clamp(x + ripple, 0, width - 1), depth < 0 ? y : Math.max(0, shore - depth * 1.6));
      if (depth >= 0) blend(colour, colours.above, 0.25);
      const grain = (random() - 0.5) * 14;
      const at = (y * width + x) * 4;
      for (let i = 0; i < 3; i++) pixels[at + i] = clamp(colour[i] + grain, 0, 255);
      pixels[at + 3] = 255;
    }
  }
  return pixels;

  /** Leaves the colour of a point above water in `colour`. */
  function seen(x, y) {
    const column = Math.floor(x);
    for (let ridge = ridges.length - 1; ridge >= 0; ridge--) {
      const { tops, nearness } = ridges[ridge];
      const below = y - tops[column];
      if (below < 0) continue;
      const texture = (noise((x / width) * 60 * (1.2 - nearness), (y / height) * 60) - 0.5) * 40 * nearness;
      for (let i = 0; i < 3; i++) colour[i] = colours.land[i] + texture;
      // Far ridges, and the valleys between them, are in haze.
      return blend(colour, colours.horizon, (1 - nearness) * 0.75 + Math.min(0.2, (below / height) * 0.6));
    }
    sky(x, y);
  }

  function sky(x, y) {
    const share = clamp(y / horizon, 0, 1);
    for (let i = 0; i < 3; i++)
      colour[i] = colours.above[i] + (colours.horizon[i] - colours.above[i]) * share ** 1.4;
    const distance = Math.hypot(x - light.x, y - light.y);
    if (time === NIGHT && random() < 0.0012) blend(colour, colours.light, random());
    blend(
      colour,
      colours.light,
      distance < radius ? 1 : 0.6 * Math.exp((radius - distance) / (height * 0.12)),
    );
    const cloud = noise((x / width) * 5, (y / height) * 14 + 40) - 0.72 + cloudiness * 0.35;
    if (cloud > 0) blend(colour, colours.light, Math.min(0.7, cloud * 4) * (time === NIGHT ? 0.15 : 0.8));
  }
}

/** Ridges from far to near: where each begins, from the top, by column, and how near it is, 0 to 1. */
function ridgesOf(random, noise, width, height, horizon) {
  const count = 3 + Math.floor(random() * 3);
  return Array.from({ length: count }, (_, index) => {
    const nearness = (index + 1) / count;
    const base = horizon + (height - horizon) * 0.75 * (index / count);
    const rise = height * (0.32 - 0.18 * nearness) * (0.6 + random());
    const [offset, stretch] = [random() * 200, 2 + 2 * random()];
    const tops = Float32Array.from(
      { length: width },
      (_, x) => base + rise * (0.5 - noise((x / width) * stretch + offset, index * 9)) * 2,
    );
    return { tops, nearness };
  });
}

function blend(colour, other, share) {
  for (let i = 0; i < 3; i++) colour[i] += (other[i] - colour[i]) * share;
}

function clamp(value, least, most) {
  return value < least ? least : value > most ? most : value;
}
