import { toJson } from '@bufbuild/protobuf';
import { DeliverySchema, HookService } from '../../../proto/gen/wiz/v1/hooks_pb.js';
import { deliveryArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';

export default class HooksRedeliver extends ManagerCommand {
  static override summary = 'Deliver again, now and with all tries.';
  static override description =
    'The receiver gets the same body under the same id. A hook that was disabled because its receiver was gone is told again from here on.';
  static override examples = ['<%= config.bin %> hooks redeliver 3MjG0zgHUY4vMdEH78JumouhhRx-12-9f86d081'];
  static override args = { delivery: deliveryArg };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(HooksRedeliver);
    const api = await this.api();
    const service = api.client(HookService);
    const { delivery } = await service.redeliver({ deliveryId: args.delivery });
    if (flags.json) return printJson(toJson(DeliverySchema, delivery!));
    print(`${delivery!.deliveryId} is due again.`);
  }
}
