import type { Config } from '@oclif/core/config';
import { nearest } from './nearest.ts';
import { UsageError } from './usage.ts';

export type Found = { help: true; argv: string[] } | { help: false; id: string; argv: string[] };

/** Which command an argv means: the longest run of leading words that names one. Throws UsageError with the
 *  nearest right name when there is none. */
export function findCommand(config: Config, argv: string[]): Found {
  if (argv.length === 0) return { help: true, argv };
  if (argv[0] === 'help') return { help: true, argv: checked(config, argv.slice(1)) };
  const separator = argv.indexOf('--');
  const own = separator === -1 ? argv : argv.slice(0, separator);
  const help = own.some((word) => word === '--help' || word === '-h');
  const words = wordsOf(own);
  for (let length = words.length; length > 0; length--) {
    const id = words.slice(0, length).join(':');
    if (!config.findCommand(id)) continue;
    return help ? { help, argv: words.slice(0, length) } : { help, id, argv: argv.slice(length) };
  }
  return { help: true, argv: checked(config, words) };
}

function wordsOf(argv: string[]): string[] {
  const end = argv.findIndex((word) => word.startsWith('-'));
  return end === -1 ? argv : argv.slice(0, end);
}

/** Words that are a topic or a command, or nothing at all. */
function checked(config: Config, words: string[]): string[] {
  const id = words.join(':');
  if (words.length === 0 || config.findCommand(id) || config.findTopic(id)) return words;
  const topic = config.findTopic(words[0] ?? '') ? words[0] : undefined;
  const given = (topic ? words.slice(0, 2) : words.slice(0, 1)).join(' ');
  const names = config.commands
    .filter((command) => !command.hidden && (!topic || command.id.startsWith(`${topic}:`)))
    .flatMap((command) => [command.id, topic ? command.id : command.id.split(':')[0]!])
    .map((name) => name.replaceAll(':', ' '));
  const close = nearest(given, names);
  throw new UsageError(
    `there is no command \`wiz ${given}\``,
    close
      ? `Did you mean \`wiz ${close}\`?`
      : `\`wiz ${topic ? `${topic} ` : ''}--help\` lists the commands.`,
  );
}
