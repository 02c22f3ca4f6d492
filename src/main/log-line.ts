/**
 * A structured log line as a person reads it: what `pyrsia start` prints where stderr is a terminal and no `--json` was asked
 * for. Used by `effects.ts`; pure. Files, pipes and service managers get the JSON as it is.
 */
import { plainText } from '../cli/format.ts'

const LEVELS: Readonly<Record<number, string>> = { 20: 'debug ', 40: 'warning ', 50: 'error ', 60: 'error ' }

/** One line of pino's JSON as `03:04:05 warning store: disk full (blobs: 3)`, in local time; other text comes back as it is. */
export function logLine(json: string): string {
  let line: Record<string, unknown>
  try {
    line = JSON.parse(json) as Record<string, unknown>
  } catch {
    return json
  }
  const { level, time, part, msg, ...facts } = line
  const clock = new Date(Number(time)).toTimeString().slice(0, 8)
  const shown = Object.entries(facts).map(([name, value]) => `${name}: ${factText(value)}`)
  const who = part === undefined ? '' : `${part}: `
  const tail = shown.length === 0 ? '' : ` (${shown.join(', ')})`
  return `${plainText(`${clock} ${LEVELS[Number(level)] ?? ''}${who}${msg ?? ''}${tail}`)}\n`
}

function factText(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(factText).join(': ')
  return JSON.stringify(value)
}
