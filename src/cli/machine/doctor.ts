/** `pyrsia doctor`: what is wrong, and what to do about it. The examination is `clients/doctor/`; this shows it. */
import type { DoctorReport, Finding } from '../../clients/clients.ts'
import type { CliContext, CommonOptions } from '../context.ts'
import { json, plainText } from '../format.ts'

/** Exit code where something is wrong: no error of the command itself. */
const EXIT_FOUND = 1
const SIGNS: Readonly<Record<Finding['severity'], string>> = { error: '✗', warning: '!', note: '·' }

/** Options of `doctor`. */
export interface DoctorOptions extends CommonOptions {
  readonly project?: string
}

/** Resolves with the exit code: 0 if all is well. @throws usage.request for an unknown client */
export async function doctor(context: CliContext, clients: readonly string[], options: DoctorOptions): Promise<number> {
  const found = await context.doctor({ clients, project: options.project ?? '.', data: options.data })
  context.out(options.json ? json(found) : doctorText(found))
  return found.healthy ? 0 : EXIT_FOUND
}

/** The report for people. */
export function doctorText({ healthy, findings, well }: DoctorReport): string {
  const lines = well.map((sentence) => `✓ ${sentence}`)
  for (const { severity, check, client, wanted, found, mend, bypass } of findings) {
    lines.push(`${SIGNS[severity]} ${client === undefined ? '' : `${client}: `}${found} [${check}]`)
    lines.push(`    wanted: ${wanted}`, `    mend:   ${mend}`)
    if (bypass !== undefined) lines.push(`    meanwhile, past the node: ${bypass}`)
  }
  const wrong = findings.filter(({ severity }) => severity !== 'note').length
  lines.push(healthy ? 'All is well.' : `${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong.`)
  return lines.map((line) => `${plainText(line)}\n`).join('')
}
