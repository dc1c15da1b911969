import * as Flags from '@oclif/core/flags';

/** Lists that come from the API page by page. */

/** Most that one answer of the API holds. */
const PAGE = 1000;

/** `what`: as in "Most runs to list." */
export const limitFlag = (what: string) =>
  Flags.integer({ description: `Most ${what} to list.`, default: 50, min: 1 });

/** Asks for page after page until there are so many, or no more. */
export async function upTo<Page extends { nextPageToken: string }, Item>(
  limit: number,
  ask: (page: { pageSize: number; pageToken: string }) => Promise<Page>,
  itemsOf: (page: Page) => Item[],
): Promise<Item[]> {
  const items: Item[] = [];
  let pageToken = '';
  do {
    const page = await ask({ pageSize: Math.min(PAGE, limit - items.length), pageToken });
    items.push(...itemsOf(page));
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && items.length < limit);
  return items;
}
