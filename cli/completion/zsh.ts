import type { CommandModel, Model, Source } from './model.ts';

/** The completion script for zsh, with descriptions. */
export function zshScript(model: Model): string {
  const paths = [...model.words].flatMap(([path, words]) =>
    words.map(({ word }) => quoted(`${path}/${word}`)),
  );
  const valueFlags = model.commands.flatMap(({ path, flags }) =>
    flags
      .filter(({ value }) => value !== undefined)
      .flatMap(({ name, char }) => [`--${name}`, ...(char ? [`-${char}`] : [])])
      .map((flag) => quoted(`${path} ${flag}`)),
  );
  return `#compdef wiz
# zsh completion of wiz: source <(wiz completion zsh), or save it as _wiz in a folder of $fpath.
_wiz_ask() {
  local -a names
  names=("\${(@f)$(command wiz complete "$@" 2>/dev/null | sed 's/:/\\\\:/g; s/\\t/:/')}")
  [[ -n $names[1] ]] && _describe -V "$1" names
}
_wiz() {
  local cur=$words[CURRENT] path_= flag= word
  local -a args list
  local -i i
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    if [[ -n $flag ]]; then flag=; continue; fi
    if [[ $word == -- ]]; then _files; return; fi
    if [[ $word == -* ]]; then
      case "$path_ $word" in
        ${valueFlags.join('|')}) flag=$word ;;
      esac
      continue
    fi
    case "$path_/$word" in
      ${paths.join('|')}) if (( $#args == 0 )); then path_=\${path_:+$path_ }$word; continue; fi ;;
    esac
    args+=("$word")
  done
  if [[ -n $flag ]]; then
    case "$path_ $flag" in
${model.commands.flatMap(valueCases).join('\n')}
    esac
    return
  fi
  if [[ $cur == -* ]]; then
    case "$path_" in
${model.commands.map((command) => `      ${quoted(command.path)}) list=(${flagList(command)}) ;;`).join('\n')}
      *) list=('--help:Show help') ;;
    esac
    _describe -o 'flag' list
    return
  fi
  if (( $#args == 0 )); then
    case "$path_" in
${[...model.words].map(([path, words]) => `      ${quoted(path)}) list=(${words.map(({ word, description }) => described(word, description)).join(' ')}); _describe 'command' list ;;`).join('\n')}
    esac
  fi
  case "$path_ $#args" in
${model.commands.flatMap(argCases).join('\n')}
  esac
}
if [[ $funcstack[1] == _wiz ]]; then _wiz "$@"; else compdef _wiz wiz; fi
`;
}

function valueCases({ path, flags }: CommandModel): string[] {
  return flags
    .filter(({ value }) => value !== undefined && value.kind !== 'nothing')
    .map(({ name, char, value }) => {
      const words = [`--${name}`, ...(char ? [`-${char}`] : [])].map((flag) => quoted(`${path} ${flag}`));
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
  if (source.kind === 'files') return '_files';
  if (source.kind === 'words') return `compadd -- ${source.words.map(quoted).join(' ')}`;
  if (source.kind === 'nothing') return ':';
  const ask = `_wiz_ask ${source.what} $args`;
  return source.files ? `${ask}; _files` : ask;
}

function flagList({ flags }: CommandModel): string {
  const words = flags.flatMap(({ name, char, description }) => [
    described(`--${name}`, description),
    ...(char ? [described(`-${char}`, description)] : []),
  ]);
  return [...words, described('--help', 'Show help')].join(' ');
}

function described(word: string, description: string): string {
  return quoted(`${word}:${description.replaceAll(':', '\\:')}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
