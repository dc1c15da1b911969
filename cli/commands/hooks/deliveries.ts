import { toJson } from '@bufbuild/protobuf';
import * as Flags from '@oclif/core/flags';
import { DeliverySchema, DeliveryState, HookService } from '../../../proto/gen/wiz/v1/hooks_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { limitFlag, upTo } from '../../pages.ts';
import { deliveryColumns } from '../../render/deliveries.ts';
import { paintFor } from '../../render/paint.ts';
import { table } from '../../render/table.ts';

export default class HooksDeliveries extends ManagerCommand {
  static override summary = 'List what hooks were told, newest first.';
  static override description =
    'A delivery is pending until its receiver has acknowledged it (HTTP 2xx, exit code 0), or has failed all its tries.';
  static override examples = [
    '<%= config.bin %> hooks deliveries',
    '<%= config.bin %> hooks deliveries --run latest',
    '<%= config.bin %> hooks deliveries --failed --json',
  ];
  static override flags = {
    run: Flags.string({
      description: 'Of this run only: its id, the beginning of it, or latest.',
      helpValue: 'RUN',
    }),
    pipeline: Flags.string({ description: 'Of runs of this pipeline only.', helpValue: 'NAME' }),
    failed: Flags.boolean({ description: 'Only those that have failed, or whose receiver is gone.' }),
    pending: Flags.boolean({ description: 'Only those that are not acknowledged yet.' }),
    limit: limitFlag('deliveries'),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(HooksDeliveries);
    const states = [
      ...(flags.failed ? [DeliveryState.FAILED, DeliveryState.DISABLED] : []),
      ...(flags.pending ? [DeliveryState.PENDING] : []),
    ];
    const api = await this.api();
    const service = api.client(HookService);
    const filter = { runId: flags.run ?? '', pipeline: flags.pipeline ?? '', states };
    const deliveries = await upTo(
      flags.limit,
      (page) => service.listDeliveries({ ...filter, ...page }),
      (page) => page.deliveries,
    );
    if (flags.json) return printJson(deliveries.map((delivery) => toJson(DeliverySchema, delivery)));
    if (deliveries.length === 0) return print('No deliveries.');
    print(table(deliveries, deliveryColumns(Date.now()), paintFor(process.stdout)).join('\n'));
  }
}
