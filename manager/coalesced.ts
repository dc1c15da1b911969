/** Work that many ask for: it is done one at a time, and once more for all who asked meanwhile. What it throws is told to
 *  `failed`; whoever asks waits until all that was asked for is done. */
export function coalesced(work: () => Promise<void>, failed: (error: Error) => void): () => Promise<void> {
  let running: Promise<void> | undefined;
  let again = false;

  async function run(): Promise<void> {
    do {
      again = false;
      await work().catch(failed);
    } while (again);
    running = undefined;
  }

  return () => {
    if (running === undefined) running = run();
    else again = true;
    return running;
  };
}
