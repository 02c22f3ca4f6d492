/** What several commands have in common: options, arguments, examples in their help. */
import { Argument, type Command, Option } from 'commander'
import { AppError } from '../base/errors.ts'

/** Adds the options that every command has. */
export function common(command: Command): Command {
  return command
    .option('--json', 'Print JSON')
    .option('--data <DIR>', 'Data directory of the node (default: PYRSIA_DATA, else as for pyrsia start)')
}

/** An argument whose choices help and completion show; the command itself refuses others, in our own words. */
export function offering(name: string, description: string, choices: readonly string[]): Argument {
  const argument = new Argument(name, description)
  argument.argChoices = [...choices]
  return argument
}

/** Reads an option that is a whole number. @throws usage.config */
export function wholeNumber(text: string): string {
  if (!/^[0-9]{1,15}$/.test(text))
    throw new AppError('usage.config', `wanted a whole number, found ${JSON.stringify(text)}`)
  return text
}

/** Lines of examples for the end of a help text. */
export function examples(...lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`
}

/** An option that may be repeated. */
export function severalTimes(flags: string, description: string): Option {
  const option = new Option(flags, `${description}; may be repeated`)
  return option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value])
}
