/** `docs/reference/cli.md`: the help of every command, as the program itself prints it. */
import type { Command } from 'commander'
import { createProgram } from '../../src/cli/program.ts'
import { realContext } from '../../src/main/cli.ts'
import { page } from './pages.ts'

const HELP_WIDTH = 110

/** The page: one section for each command. */
export function cliPage(): string {
  const program = createProgram(realContext(), () => undefined)
  const sections = commandsOf(program).map(
    ({ path, command }) => `## ${path}\n\n\`\`\`\n${helpOf(command).trim()}\n\`\`\``,
  )
  return page(
    'Command line',
    'src/cli/program.ts',
    'Exit codes are those of the [kind of error](errors.md). The flags of `start` are [settings](config.md), which may also come from the environment or the configuration file.',
    ...sections,
  )
}

function commandsOf(command: Command, before = ''): Array<{ path: string; command: Command }> {
  const path = `${before}${command.name()}`
  return [{ path, command }, ...command.commands.flatMap((child) => commandsOf(child, `${path} `))]
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut: (more) => {
      text += more
    },
    getOutHelpWidth: () => HELP_WIDTH,
    getOutHasColors: () => false,
  })
  command.outputHelp()
  return text
}
