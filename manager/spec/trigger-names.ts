/** The names of triggers in their order: those that are given, and schedule, schedule-2 and so on for the others. */
export function triggerNames(triggers: readonly { name?: unknown }[]): string[] {
  const taken = new Set(triggers.map(({ name }) => name));
  let count = 0;
  return triggers.map(({ name }) => {
    if (typeof name === 'string') return name;
    let chosen: string;
    do {
      count += 1;
      chosen = count === 1 ? 'schedule' : `schedule-${count}`;
    } while (taken.has(chosen));
    return chosen;
  });
}
