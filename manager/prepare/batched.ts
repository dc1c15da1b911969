/**
 * One question for all that is asked in the same turn: keys are gathered over the microtasks, so that a fan-out asks
 * the store once. What comes while a question is out waits for the next.
 */
export function batched<Key, Value>(
  ask: (keys: Key[]) => Promise<Map<Key, Value>>,
): (key: Key) => Promise<Value | undefined> {
  let gathered: { keys: Set<Key>; answer: Promise<Map<Key, Value>> } | undefined;

  return (key) => {
    if (gathered === undefined) {
      const keys = new Set<Key>();
      const answer = Promise.resolve().then(() => {
        gathered = undefined;
        return ask([...keys]);
      });
      gathered = { keys, answer };
    }
    gathered.keys.add(key);
    return gathered.answer.then((values) => values.get(key));
  };
}
