/** `pyrsia completion`: scripts for bash, zsh and fish, made from the tree of commands, so that they cannot fall behind it. Pure. */
import type { Command } from 'commander'
import { AppError } from '../base/errors.ts'

/** Shells that there is a script for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const

interface Words {
  /** Names of the commands that lead here, without the program's own. */
  readonly path: readonly string[]
  readonly words: readonly string[]
}

/** The script for `shell`. @throws usage.config for another shell */
export function completion(program: Command, shell: string): string {
  const tree = wordsOf(program, [])
  if (shell === 'bash') return bash(tree)
  if (shell === 'zsh') return `#compdef pyrsia\nautoload -U +X bashcompinit && bashcompinit\n${bash(tree)}`
  if (shell === 'fish') return fish(tree)
  throw new AppError('usage.config', `wanted one of ${SHELLS.join(', ')}, found ${JSON.stringify(shell)}`)
}

function wordsOf(command: Command, path: readonly string[]): Words[] {
  const options = command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long]))
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? [])
  const here = { path, words: [...command.commands.map((child) => child.name()), ...choices, ...options, '--help'] }
  return [here, ...command.commands.flatMap((child) => wordsOf(child, [...path, child.name()]))]
}

function bash(tree: readonly Words[]): string {
  const cases = tree.map(({ path, words }) => `    '${path.join(' ')}') words='${words.join(' ')}' ;;`)
  return `_pyrsia() {
  local word command='' words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) command="\${command:+$command }$word" ;; esac
  done
  case "$command" in
${cases.join('\n')}
    *) return ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _pyrsia pyrsia
`
}

function fish(tree: readonly Words[]): string {
  const lines = tree.flatMap(({ path, words }) => {
    const condition =
      path.length === 0
        ? '__fish_use_subcommand'
        : path.map((name) => `__fish_seen_subcommand_from ${name}`).join('; and ')
    return words.map((word) =>
      word.startsWith('--')
        ? `complete -c pyrsia -n '${condition}' -l ${word.slice(2)}`
        : `complete -c pyrsia -n '${condition}' -f -a ${word}`,
    )
  })
  return `${lines.join('\n')}\n`
}
