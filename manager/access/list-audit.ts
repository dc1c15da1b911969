import { WizError } from '../../proto/error.ts';
import type { AuditEntry, ListAuditRequest, ListAuditResponse } from '../../proto/gen/wiz/v1/access_pb.js';
import type { AccessStore, AuditRow } from '../store/access-store.ts';

const LARGEST_PAGE = 1000;
const PAGE = 50;

export async function listAudit(store: AccessStore, request: ListAuditRequest): Promise<ListAuditResponse> {
  const { actor, method, sinceUnixMs, untilUnixMs, pageSize, pageToken } = request;
  if (pageSize > LARGEST_PAGE) {
    throw new WizError('invalid_argument', `A page holds at most ${LARGEST_PAGE} entries.`);
  }
  const limit = pageSize || PAGE;
  const rows = await store.listAudit({
    actor: actor || undefined,
    method: method.replace(/\/\*$/, '/') || undefined,
    sinceMs: sinceUnixMs || undefined,
    untilMs: untilUnixMs || undefined,
    beforeEntryId: pageToken || undefined,
    limit,
  });
  return {
    $typeName: 'wiz.v1.ListAuditResponse',
    entries: rows.map(entryOf),
    nextPageToken: rows.length === limit ? rows.at(-1)!.entryId : '',
  };
}

function entryOf({ atMs, ...row }: AuditRow): AuditEntry {
  return { $typeName: 'wiz.v1.AuditEntry', unixMs: atMs, ...row };
}
