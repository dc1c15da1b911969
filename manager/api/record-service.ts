import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type {
  QueryRecordsRequest,
  QueryRecordsResponse,
  RecordService,
} from '../../proto/gen/wiz/v1/records_pb.js';
import type { Manager } from '../manager.ts';
import { streaming, unary } from './errors.ts';

/** Characters of rows in one message of a result. */
const MESSAGE_CHARACTERS = 256 * 1024;
/** Milliseconds a row waits at most for more, while rows come. */
const WAIT_MS = 100;

/** Records that runs have left: their tables, and queries over them. */
export function recordService({ store }: Manager): ServiceImpl<typeof RecordService> {
  async function* query(
    { sql }: QueryRecordsRequest,
    { signal }: HandlerContext,
  ): AsyncGenerator<QueryRecordsResponse> {
    const { columns, rows } = await store.queryRecords(sql, signal);
    yield message(columns, []);
    let waiting: string[] = [];
    let characters = 0;
    let sentMs = performance.now();
    for await (const row of rows) {
      const json = JSON.stringify(row);
      waiting.push(json);
      characters += json.length;
      if (characters < MESSAGE_CHARACTERS && performance.now() - sentMs < WAIT_MS) continue;
      yield message([], waiting);
      waiting = [];
      characters = 0;
      sentMs = performance.now();
    }
    if (waiting.length > 0) yield message([], waiting);
  }

  return {
    listTables: unary(async () => ({
      tables: (await store.listRecordTables()).map(({ name, rows, columns }) => ({
        $typeName: 'wiz.v1.RecordTable' as const,
        name,
        rows,
        columns: columns.map((column) => ({ $typeName: 'wiz.v1.RecordColumn' as const, ...column })),
      })),
    })),
    queryRecords: streaming(query),
  };
}

function message(columns: string[], rowsJson: string[]): QueryRecordsResponse {
  return { $typeName: 'wiz.v1.QueryRecordsResponse', columns, rowsJson };
}
