import { toJson } from '@bufbuild/protobuf';
import * as Flags from '@oclif/core/flags';
import { ScheduleSchema, TriggerService } from '../../../proto/gen/wiz/v1/triggers_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { paintFor } from '../../render/paint.ts';
import { scheduleColumns } from '../../render/schedules.ts';
import { table } from '../../render/table.ts';

export default class SchedulesList extends ManagerCommand {
  static override summary = 'List the schedules of applied pipelines, with their next fire.';
  static override description = 'They fire while `wiz manager serve` runs.';
  static override examples = ['<%= config.bin %> schedules list', '<%= config.bin %> schedules list --json'];
  static override flags = {
    pipeline: Flags.string({ description: 'Of this pipeline only.', helpValue: 'NAME' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(SchedulesList);
    const api = await this.api();
    const service = api.client(TriggerService);
    const { schedules } = await service.listSchedules({ pipeline: flags.pipeline ?? '' });
    if (flags.json) return printJson(schedules.map((schedule) => toJson(ScheduleSchema, schedule)));
    if (schedules.length === 0) return print('No schedules. `triggers` of a pipeline file has them.');
    print(table(schedules, scheduleColumns(), paintFor(process.stdout)).join('\n'));
  }
}
