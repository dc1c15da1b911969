import type { CommandModel, Model, Source } from './model.ts';

/** The completion script for fish. */
export function fishScript(model: Model): string {
  const paths = [...model.words].flatMap(([path, words]) =>
    words.map(({ word }) => quoted(`${path}/${word}`)),
  );
  const valueFlags = model.commands.flatMap(({ path, flags }) =>
    flags
      .filter(({ value }) => value !== undefined)
      .flatMap(({ name, char }) => [`--${name}`, ...(char ? [`-${char}`] : [])])
      .map((flag) => quoted(`${path} ${flag}`)),
  );
  return `# fish completion of wiz: wiz completion fish | source
# Prints the command that is typed, and on further lines its arguments.
function __wiz_typed
    set -l path ''
    set -l args
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        if string match -q -- '-*' $word
            contains -- "$path $word" ${valueFlags.join(' ')}; and set skip 1
            continue
        end
        if test (count $args) = 0; and contains -- "$path/$word" ${paths.join(' ')}
            set path (string trim -- "$path $word")
        else
            set -a args $word
        end
    end
    echo $path
    printf '%s\\n' $args
end
function __wiz_at # PATH [NUMBER OF ARGUMENTS]
    set -l typed (__wiz_typed)
    test "$typed[1]" = "$argv[1]"; and begin
        test (count $argv) = 1; or test (math (count $typed) - 1) = $argv[2]
    end
end
function __wiz_ask # KIND
    set -l typed (__wiz_typed)
    command wiz complete $argv $typed[2..-1] 2>/dev/null
end
complete -c wiz -f
complete -c wiz -l help -d 'Show help'
${[...model.words].flatMap(([path, words]) => words.map(({ word, description }) => `complete -c wiz -n "__wiz_at ${quoted(path)} 0" -a ${word} -d ${quoted(description)}`)).join('\n')}
${model.commands.flatMap(flagLines).join('\n')}
${model.commands.flatMap(argLines).join('\n')}
`;
}

function flagLines({ path, flags }: CommandModel): string[] {
  return flags.map(({ name, char, description, value }) => {
    const short = char ? ` -s ${char}` : '';
    return `complete -c wiz -n "__wiz_at ${quoted(path)}" -l ${name}${short} -d ${quoted(description)}${value ? ` -r${offer(value)}` : ''}`;
  });
}

function argLines({ path, args, variadic }: CommandModel): string[] {
  return args.flatMap((source, i) => {
    const position = variadic && i === args.length - 1 ? '' : ` ${i}`;
    const offered = offer(source);
    return offered === '' ? [] : [`complete -c wiz -n "__wiz_at ${quoted(path)}${position}"${offered}`];
  });
}

function offer(source: Source): string {
  if (source.kind === 'files') return ' -F';
  if (source.kind === 'words') return ` -a ${quoted(source.words.join(' '))}`;
  if (source.kind === 'nothing') return '';
  return `${source.files ? ' -F' : ''} -a '(__wiz_ask ${source.what})'`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
