/**
 * Loaded before a daemon (`NODE_OPTIONS=--import`): each SIGUSR2 sets its clock to the next of CLOCK_OFFS, milliseconds off the
 * right time. What is steady (performance.now, timers) goes on, as it does when the clock of a machine is set.
 */
const offs = (process.env.CLOCK_OFFS ?? '').split(',').map(Number);

// Executors and programs, which inherit this, keep their clock.
if (process.argv.includes('serve')) {
  const Real = Date;
  let offMs = 0;
  globalThis.Date = class extends Real {
    constructor(...given: unknown[]) {
      if (given.length === 0) super(Real.now() + offMs);
      else super(...(given as [number]));
    }
    static override now(): number {
      return Real.now() + offMs;
    }
  } as DateConstructor;
  process.on('SIGUSR2', () => {
    offMs = offs.shift() ?? 0;
    process.stderr.write(`the clock is off by ${offMs} ms\n`);
  });
}
