/** Folders as one object: tree-object.ts says what is stored and what is refused. */
export { bringTree } from './bring-tree.ts';
export { placeFolder } from './place-folder.ts';
export { putFolder } from './put-folder.ts';
export type { TreeEntry, TreeTotals } from './tree-object.ts';
export { entryInTree, listTree, readTree, type TreeEntryAt, treeChildren } from './tree-walk.ts';
