import { toJson } from '@bufbuild/protobuf';
import { type RecordTable, RecordTableSchema } from '../../../proto/gen/wiz/v1/records_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { paintFor } from '../../render/paint.ts';
import { type Column, table } from '../../render/table.ts';

export default class DataTables extends ManagerCommand {
  static override summary = 'List the tables that `wiz data query` knows, with their columns.';
  static override description =
    'A column has the type of its values: number, integer, text, boolean, json, or mixed when rows differ.';
  static override examples = ['<%= config.bin %> data tables', '<%= config.bin %> data tables --json'];
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { flags } = await this.parse(DataTables);
    const { tables } = await (await this.api()).records.listTables({});
    if (flags.json) return printJson(tables.map((one) => toJson(RecordTableSchema, one)));
    if (tables.length === 0) return print('No records. `outputs: { records: … }` of a pipeline leaves some.');
    print(table(tables, columns, paintFor(process.stdout)).join('\n'));
  }
}

const columns: Column<RecordTable>[] = [
  { title: 'TABLE', text: ({ name }) => name },
  { title: 'ROWS', text: ({ rows }) => rows.toLocaleString('en'), right: true },
  { title: 'COLUMNS', text: ({ columns }) => columns.map(({ name, type }) => `${name} ${type}`).join(', ') },
];
