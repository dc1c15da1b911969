import { hashOf, mixed, SHARDS, shardOf } from './store/shard.ts';

/**
 * Which manager a run belongs to: each shard to the manager that draws the highest lot for it (rendezvous hashing). All
 * managers that see the same peers come to the same answer without a word; when one joins or leaves, only the shards
 * that it takes or had change hands.
 */
export interface Spread {
  readonly managerIds: readonly string[];
  /** Undefined when there is no manager. */
  ownerOf(runId: string): string | undefined;
  /** Shards of a manager; none when it is not among them. */
  shardsOf(managerId: string): number[];
}

export function spreadOver(managerIds: readonly string[]): Spread {
  const seeds = managerIds.map((id) => ({ id, seed: hashOf(id) }));
  const owners: (string | undefined)[] = [];
  for (let shard = 0; shard < SHARDS; shard++) {
    let best = -1;
    for (const { id, seed } of seeds) {
      const lot = mixed(seed ^ Math.imul(shard + 1, 0x9e3779b1));
      // Equal lots are one in four thousand millions; the id decides, so that nobody's order of asking does.
      if (lot > best || (lot === best && id > owners[shard]!)) {
        owners[shard] = id;
        best = lot;
      }
    }
  }
  return {
    managerIds,
    ownerOf: (runId) => owners[shardOf(runId)],
    shardsOf: (managerId) => owners.flatMap((owner, shard) => (owner === managerId ? [shard] : [])),
  };
}
