import { toJson } from '@bufbuild/protobuf';
import { ScheduleSchema, TriggerService } from '../../../proto/gen/wiz/v1/triggers_pb.js';
import { scheduleArg, scheduleOf } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { scheduleName } from '../../render/schedules.ts';
import { dateTime } from '../../render/words.ts';

export default class SchedulesResume extends ManagerCommand {
  static override summary = 'Let a schedule that was paused fire again.';
  static override description = 'From its next time on: what was due meanwhile is not made up for.';
  static override examples = [
    '<%= config.bin %> schedules resume nightly',
    '<%= config.bin %> schedules resume reports/hourly',
  ];
  static override args = { schedule: scheduleArg };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SchedulesResume);
    const api = await this.api();
    const service = api.client(TriggerService);
    const { schedule } = await service.resumeSchedule(scheduleOf(args.schedule));
    if (flags.json) return printJson(toJson(ScheduleSchema, schedule!));
    print(`${scheduleName(schedule!)} fires next at ${dateTime(schedule!.nextUnixMs)}.`);
  }
}
