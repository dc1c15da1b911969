import { troubleWords, wizEntry } from '../api.ts';
import { WizCommand } from '../command.ts';
import { note } from '../output.ts';

export default class ManagerBackground extends WizCommand {
  static override hidden = true;
  static override summary = 'Go on with runs that nobody owns; ends when nothing is left to do.';
  static override description = 'wiz starts it by itself, for --detach and for runs that were left.';
  static override examples = ['<%= config.bin %> manager-background'];

  async run(): Promise<void> {
    await this.parse(ManagerBackground);
    const { serveUntilIdle } = await import('../../manager/index.ts');
    // Standard error is manager.log of the state folder.
    const onTrouble = (error?: Error) => note(`${new Date().toISOString()} ${troubleWords(error)}`);
    await serveUntilIdle({ environment: process.env, wizEntry: wizEntry(), onTrouble });
  }
}
