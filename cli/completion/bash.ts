import type { CommandModel, Model, Source } from './model.ts';

/** The completion script for bash 4 and later. */
export function bashScript(model: Model): string {
  const paths = [...model.words].flatMap(([path, words]) =>
    words.map(({ word }) => quoted(`${path}/${word}`)),
  );
  const valueFlags = model.commands.flatMap((command) =>
    flagWords(command, (flag) => flag.value !== undefined).map((flag) => quoted(`${command.path} ${flag}`)),
  );
  return `# bash completion of wiz: eval "$(wiz completion bash)"
_wiz_ask() {
  # Not compgen -W, which would expand what the names hold.
  local name
  while IFS=$'\\t' read -r name _; do
    [[ $name == "$cur"* ]] && COMPREPLY+=("$name")
  done < <(command wiz complete "$@" 2>/dev/null)
}
_wiz_words() { COMPREPLY+=($(compgen -W "$1" -- "$cur")); }
_wiz_files() { compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$cur")); }
_wiz() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path= flag= word i
  local -a args=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n $flag ]]; then flag=; continue; fi
    if [[ $word == -- ]]; then compopt -o default 2>/dev/null; _wiz_files; return; fi
    if [[ $word == -* ]]; then
      case "$path $word" in
        ${valueFlags.join('|')}) flag=$word ;;
      esac
      continue
    fi
    case "$path/$word" in
      ${paths.join('|')}) if ((\${#args[@]} == 0)); then path=\${path:+$path }$word; continue; fi ;;
    esac
    args+=("$word")
  done
  if [[ -n $flag ]]; then
    case "$path $flag" in
${model.commands.flatMap(valueCases).join('\n')}
    esac
    return
  fi
  if [[ $cur == -* ]]; then
    case "$path" in
${model.commands.map((command) => `      ${quoted(command.path)}) _wiz_words ${quoted([...flagWords(command), '--help'].join(' '))} ;;`).join('\n')}
      *) _wiz_words --help ;;
    esac
    return
  fi
  if ((\${#args[@]} == 0)); then
    case "$path" in
${[...model.words].map(([path, words]) => `      ${quoted(path)}) _wiz_words ${quoted(words.map(({ word }) => word).join(' '))} ;;`).join('\n')}
    esac
  fi
  case "$path \${#args[@]}" in
${model.commands.flatMap(argCases).join('\n')}
  esac
}
complete -F _wiz wiz
`;
}

function valueCases(command: CommandModel): string[] {
  return command.flags
    .filter(({ value }) => value !== undefined && value.kind !== 'nothing')
    .map(({ name, char, value }) => {
      const words = [`--${name}`, ...(char ? [`-${char}`] : [])].map((flag) =>
        quoted(`${command.path} ${flag}`),
      );
      return `      ${words.join('|')}) ${offer(value!)} ;;`;
    });
}

function argCases({ path, args, variadic }: CommandModel): string[] {
  return args.map((source, i) => {
    const position = variadic && i === args.length - 1 ? '*' : String(i);
    return `    ${quoted(`${path} `)}${position}) ${offer(source)} ;;`;
  });
}

function offer(source: Source): string {
  if (source.kind === 'files') return '_wiz_files';
  if (source.kind === 'words') return `_wiz_words ${quoted(source.words.join(' '))}`;
  if (source.kind === 'nothing') return ':';
  const ask = `_wiz_ask ${source.what} "\${args[@]}"`;
  return source.files ? `${ask}; _wiz_files` : ask;
}

function flagWords(
  command: CommandModel,
  wanted: (flag: CommandModel['flags'][number]) => boolean = () => true,
) {
  return command.flags
    .filter(wanted)
    .flatMap(({ name, char }) => [`--${name}`, ...(char ? [`-${char}`] : [])]);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
