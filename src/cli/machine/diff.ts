/** `pyrsia diff`: how two files relate, and what differs. The comparison is `archive/`'s; this shows it. */
import type { CliContext, CommonOptions, DiffReport } from '../context.ts'
import { json, plainText } from '../format.ts'

/** Exit code where the files are not equal: no error of the command itself. */
const EXIT_DIFFERENT = 1
const SAYS: Readonly<Record<DiffReport['level'], string>> = {
  exact: 'the same bytes',
  container: 'the same but for compression',
  canonical: 'the same entries and contents; order, times or owners differ',
  metadata: 'the same after the rules below',
  excluded: 'the same only where the files below are left out: not equal',
  mismatch: 'different',
  malformed: 'malformed: readers could see different things in it, so it is equal to nothing',
}

/** Options of `diff`. */
export interface DiffOptions extends CommonOptions {
  readonly as?: string
}

/** Resolves with the exit code: 0 if the files are equal, 1 if not. @throws usage.request for a file that cannot be read */
export async function diff(context: CliContext, a: string, b: string, options: DiffOptions): Promise<number> {
  const found = await context.diff({ a, b, as: options.as })
  context.out(options.json ? json(found) : diffText(found))
  return found.equal ? 0 : EXIT_DIFFERENT
}

/** The report for people. */
export function diffText({ a, b, format, level, lines, remarks, texts }: DiffReport): string {
  const head = [`A ${a}`, `B ${b}`, `${level}: ${SAYS[level]} (${format})`]
  const told = [...head, ...lines.map((line) => `  ${line}`), ...remarks.map((line) => `  not looked at: ${line}`)]
  return [...told.map(plainText), ...texts.flatMap(({ diff }) => ['', ...clean(diff)])]
    .map((line) => `${line}\n`)
    .join('')
}

/** Lines of a stranger's text: tabs stay, nothing else steers the terminal. */
function clean(text: string): string[] {
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => line.split('\t').map(plainText).join('\t'))
}
