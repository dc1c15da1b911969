import * as Args from '@oclif/core/args';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { BUNDLED, choosePlace } from '../../contexts/choose.ts';
import { print, printJson } from '../../output.ts';

export default class ContextShow extends ManagerCommand {
  static override summary = 'Show which manager commands talk to, and why.';
  static override description = 'Credentials are not shown.';
  static override examples = [
    '<%= config.bin %> context show',
    '<%= config.bin %> context show production --json',
  ];
  static override args = {
    context: Args.string({ description: 'Name of a context; by default the chosen one.', ignoreStdin: true }),
  };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ContextShow);
    const place = choosePlace(
      args.context === undefined ? this.chosen : { context: args.context },
      process.env,
    );
    const from = args.context === undefined ? place.from : 'context';
    const shown =
      place.kind === 'bundled'
        ? { context: BUNDLED, chosenBy: from }
        : {
            context: place.name || null,
            url: place.url,
            ...(place.ca !== undefined && { authority: 'its own' }),
            credential: place.credential?.kind ?? null,
            chosenBy: from,
          };
    if (flags.json) return printJson(shown);
    print(
      Object.entries(shown)
        .map(([key, value]) => `${key.padEnd(10)}  ${value ?? '-'}`)
        .join('\n'),
    );
  }
}
