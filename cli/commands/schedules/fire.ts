import { toJson } from '@bufbuild/protobuf';
import { FireScheduleResponseSchema, TriggerService } from '../../../proto/gen/wiz/v1/triggers_pb.js';
import { scheduleArg, scheduleOf } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { scheduleName } from '../../render/schedules.ts';

export default class SchedulesFire extends ManagerCommand {
  static override summary = 'Start the run of a schedule now.';
  static override description =
    'Also of one that is paused. Its next time stays. While the run before goes on its `overlap` holds: with skip it is refused, with queue it waits. Without a shared manager the command waits for the end of the run.';
  static override examples = [
    '<%= config.bin %> schedules fire nightly',
    '<%= config.bin %> schedules fire reports/hourly',
  ];
  static override args = { schedule: scheduleArg };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SchedulesFire);
    const api = await this.api({ needsExecutor: true });
    const service = api.client(TriggerService);
    const response = await service.fireSchedule(scheduleOf(args.schedule));
    if (flags.json) return printJson(toJson(FireScheduleResponseSchema, response));
    const name = scheduleName(response.schedule!);
    print(
      response.runId === ''
        ? `${name} fires when the run before it has ended.`
        : `${name}: run ${response.runId}`,
    );
  }
}
