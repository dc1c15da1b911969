import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ManagerCommand } from '../../command.ts';
import { write } from '../../output.ts';
import { paintFor } from '../../render/paint.ts';
import { csvWriter, jsonWriter, recordOf, tableWriter, tabWriter } from '../../render/records.ts';
import { UsageError } from '../../usage.ts';

export default class DataQuery extends ManagerCommand {
  static override summary = 'Query the records that runs leave, with one SQL SELECT.';
  static override description = `\
Every table is a read-only view, and has the columns run_id, pipeline, processor and recorded_at besides its own; \`wiz data tables\` lists them. A value that is no number and no text is JSON.

On a terminal the rows are a table, whose long values are cut. In a pipe they are lines with tabs between the values, the names of the columns first; a tab, a line break or a backslash in a value is \\t, \\n, \\r or \\\\. With --csv they are CSV (RFC 4180), where nothing is null and "" an empty text; with --json one array of objects, a row on each line.`;
  static override examples = [
    '<%= config.bin %> data query "select city, avg(celsius) from temperatures group by city"',
    '<%= config.bin %> data query --csv "select * from temperatures" > temperatures.csv',
    '<%= config.bin %> data query - --json < question.sql | jq .[0]',
  ];
  static override args = {
    sql: Args.string({
      description: 'The query; - reads it from standard input.',
      required: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    csv: Flags.boolean({ description: 'Print CSV.', exclusive: ['json'] }),
    json: Flags.boolean({ description: 'Print JSON.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(DataQuery);
    const sql = args.sql === '-' ? Buffer.concat(await process.stdin.toArray()).toString('utf8') : args.sql;
    if (sql.trim() === '')
      throw new UsageError('there is no query', 'For example: wiz data query "select * from TABLE"');
    const writer = flags.json
      ? jsonWriter()
      : flags.csv
        ? csvWriter()
        : process.stdout.isTTY
          ? tableWriter(paintFor(process.stdout))
          : tabWriter();
    const records = (await this.api()).records;
    let begun = false;
    for await (const { columns, rowsJson } of records.queryRecords({ sql })) {
      const head = begun ? '' : writer.head(columns);
      begun = true;
      const text = head + (rowsJson.length > 0 ? writer.rows(rowsJson.map(recordOf)) : '');
      if (text) await write(process.stdout, text);
    }
    if (begun) await write(process.stdout, writer.end());
  }
}
