import { toJson } from '@bufbuild/protobuf';
import * as Flags from '@oclif/core/flags';
import { AccessService, type AuditEntry, AuditEntrySchema } from '../../proto/gen/wiz/v1/access_pb.js';
import { jsonFlag, ManagerCommand } from '../command.ts';
import { print, printJson } from '../output.ts';
import { limitFlag, upTo } from '../pages.ts';
import type { Paint } from '../render/paint.ts';
import { paintFor } from '../render/paint.ts';
import { type Column, table } from '../render/table.ts';
import { dateTime, oneLine } from '../render/words.ts';
import { timeOf } from '../time.ts';

export default class Audit extends ManagerCommand {
  static override summary = 'Who did what: calls that changed something, or were refused to. Newest first.';
  static override description = `\
Every call that may change something is there, with who made it, from where, and how it ended. An entry without an outcome is of a call whose manager ended before it could say; what it asked for may have been done.`;
  static override examples = [
    '<%= config.bin %> audit',
    '<%= config.bin %> audit --actor ci --since 2h',
    "<%= config.bin %> audit --method 'AccessService/*' --since 2026-01-31 --json",
  ];
  static override flags = {
    actor: Flags.string({ description: 'Calls of this token or user only.', helpValue: 'NAME' }),
    method: Flags.string({
      description: 'Calls of this method only, RunService/StartRun, or of a service: RunService/*.',
      helpValue: 'SERVICE/METHOD',
    }),
    since: Flags.string({
      description: 'Calls from this time on: how long ago (2h, 7d), or a date and time.',
      helpValue: 'TIME',
    }),
    until: Flags.string({ description: 'Calls before this time.', helpValue: 'TIME' }),
    limit: limitFlag('calls'),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Audit);
    const nowMs = Date.now();
    const filter = {
      actor: flags.actor ?? '',
      method: flags.method ?? '',
      sinceUnixMs: flags.since === undefined ? 0 : timeOf('--since', flags.since, nowMs),
      untilUnixMs: flags.until === undefined ? 0 : timeOf('--until', flags.until, nowMs),
    };
    const access = (await this.api()).client(AccessService);
    const entries = await upTo(
      flags.limit,
      (page) => access.listAudit({ ...filter, ...page }),
      (page) => page.entries,
    );
    if (flags.json) return printJson(entries.map((entry) => toJson(AuditEntrySchema, entry)));
    if (entries.length === 0) return print('No calls.');
    const paint = paintFor(process.stdout);
    print(table(entries, columns(paint), paint).join('\n'));
  }
}

function columns(paint: Paint): Column<AuditEntry>[] {
  return [
    { title: 'TIME', text: ({ unixMs }) => dateTime(unixMs) },
    { title: 'ACTOR', text: ({ actor }) => oneLine(actor) || 'unknown' },
    { title: 'KIND', text: ({ kind }) => kind },
    { title: 'METHOD', text: ({ method }) => method },
    { title: 'OUTCOME', text: outcomeOf, paint: (entry, text) => paintOf(entry, paint)(text) },
    { title: 'FROM', text: ({ peer }) => peer || 'here' },
    { title: 'TARGET', text: ({ target }) => oneLine(target) },
  ];
}

function outcomeOf({ outcome, calls }: AuditEntry): string {
  return `${outcome || 'unknown'}${calls > 1 ? ` (${calls} calls)` : ''}`;
}

function paintOf({ outcome }: AuditEntry, paint: Paint): (text: string) => string {
  if (outcome === 'ok') return paint.green;
  return outcome === '' ? paint.yellow : paint.red;
}
