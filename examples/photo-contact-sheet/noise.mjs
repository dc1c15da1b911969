// Random numbers from a seed, and noise made of them.

/** Numbers from 0 to 1, always the same for a seed (mulberry32). */
export function randomOf(seed) {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Smooth noise from 0 to 1 over the plane, in several octaves, each twice as fine and half as strong. */
export function fractalNoise(random, octaves) {
  const grid = Float32Array.from({ length: 65536 }, random);
  const at = (x, y) => grid[((y & 255) << 8) | (x & 255)];
  const one = (x, y) => {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [smooth(x - column), smooth(y - row)];
    const above = at(column, row) * (1 - u) + at(column + 1, row) * u;
    const below = at(column, row + 1) * (1 - u) + at(column + 1, row + 1) * u;
    return above * (1 - v) + below * v;
  };
  return (x, y) => {
    let [sum, strength, all] = [0, 1, 0];
    for (let octave = 0; octave < octaves; octave++) {
      const scale = 2 ** octave;
      sum += strength * one(x * scale + octave * 17, y * scale + octave * 31);
      all += strength;
      strength /= 2;
    }
    return sum / all;
  };
}

function smooth(share) {
  return share * share * (3 - 2 * share);
}
