import { toJson } from '@bufbuild/protobuf';
import { GetDeliveryResponseSchema, HookService } from '../../../proto/gen/wiz/v1/hooks_pb.js';
import { deliveryArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { deliveryLines } from '../../render/deliveries.ts';

export default class HooksShow extends ManagerCommand {
  static override summary = 'Show a delivery: what was sent, and every try.';
  static override examples = ['<%= config.bin %> hooks show 3MjG0zgHUY4vMdEH78JumouhhRx-12-9f86d081'];
  static override args = { delivery: deliveryArg };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(HooksShow);
    const api = await this.api();
    const service = api.client(HookService);
    const response = await service.getDelivery({ deliveryId: args.delivery });
    if (flags.json) return printJson(toJson(GetDeliveryResponseSchema, response));
    print(deliveryLines(response, Date.now()).join('\n'));
  }
}
