import { jsonFlag, ManagerCommand } from '../../command.ts';
import { BUNDLED, choosePlace, LOCAL } from '../../contexts/choose.ts';
import { type Context, readContexts } from '../../contexts/file.ts';
import { localDaemon } from '../../contexts/local-daemon.ts';
import { print, printJson } from '../../output.ts';
import { paintFor } from '../../render/paint.ts';
import { type Column, table } from '../../render/table.ts';

interface Row {
  name: string;
  url: string;
  credential: string;
  current: boolean;
}

export default class ContextList extends ManagerCommand {
  static override summary = 'List the managers that commands can talk to; * marks the chosen one.';
  static override description = `\
\`bundled\` is the manager in each command's own process, on the state folder of this user. \`local\` is a daemon that this user runs on that state folder. The others come from \`wiz login\`.`;
  static override examples = ['<%= config.bin %> context list'];
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { flags } = await this.parse(ContextList);
    const rows = contextRows(this.chosen);
    if (flags.json) return printJson(rows);
    print(table(rows, COLUMNS, paintFor(process.stdout)).join('\n'));
  }
}

function contextRows(chosen: Parameters<typeof choosePlace>[0]): Row[] {
  const { contexts } = readContexts(process.env);
  const daemon = localDaemon(process.env);
  const place = choosePlace(chosen, process.env);
  const row = (name: string, context?: Context): Row => ({
    name,
    url: context?.url ?? '',
    credential: context?.credential?.kind ?? '',
    current: place.kind === 'bundled' ? name === BUNDLED : place.name === name,
  });
  const rows = [
    row(BUNDLED),
    ...(daemon && !Object.hasOwn(contexts, LOCAL) ? [row(LOCAL, daemon)] : []),
    ...Object.entries(contexts).map(([name, context]) => row(name, context)),
  ];
  // One that only a URL names.
  if (place.kind === 'remote' && place.name === '') {
    rows.push({ name: place.from, url: place.url, credential: place.credential?.kind ?? '', current: true });
  }
  return rows;
}

const COLUMNS: Column<Row>[] = [
  { title: '', text: ({ current }) => (current ? '*' : '') },
  { title: 'CONTEXT', text: ({ name }) => name },
  { title: 'URL', text: ({ url }) => url },
  { title: 'SIGNED IN WITH', text: ({ credential }) => credential },
];
