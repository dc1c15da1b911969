import { toJson } from '@bufbuild/protobuf';
import { ScheduleSchema, TriggerService } from '../../../proto/gen/wiz/v1/triggers_pb.js';
import { scheduleArg, scheduleOf } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { scheduleName } from '../../render/schedules.ts';

export default class SchedulesPause extends ManagerCommand {
  static override summary = 'Hold a schedule: nothing fires until it is resumed.';
  static override description =
    'A new version of its pipeline does not resume it, unless the file changes what it says about `paused`.';
  static override examples = [
    '<%= config.bin %> schedules pause nightly',
    '<%= config.bin %> schedules pause reports/hourly',
  ];
  static override args = { schedule: scheduleArg };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SchedulesPause);
    const api = await this.api();
    const service = api.client(TriggerService);
    const { schedule } = await service.pauseSchedule(scheduleOf(args.schedule));
    if (flags.json) return printJson(toJson(ScheduleSchema, schedule!));
    print(`${scheduleName(schedule!)} is paused.`);
  }
}
