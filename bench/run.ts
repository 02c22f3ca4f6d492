/**
 * `npm run bench [-- NAME... [--FLAG...]]`: runs the benchmarks of this folder, one process after the other so that none disturbs the next.
 * Without names: all but those that take hours. Each file compares with a peer in the same run and prints ratios; flags are handed on.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
/** Only by name: takes hours. */
const LONG = 'rebuild'
const names = [
  LONG,
  ...globSync(['*.ts', 'builds/*.ts'], { cwd: folder })
    .map((file) => file.slice(0, -'.ts'.length))
    .filter((name) => name !== 'run'),
].sort()
const args = process.argv.slice(2)
const flagAt = args.findIndex((arg) => arg.startsWith('--'))
const wanted = flagAt < 0 ? args : args.slice(0, flagAt)
const flags = flagAt < 0 ? [] : args.slice(flagAt)
const unknown = wanted.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`wanted benchmarks out of ${names.join(', ')}, found ${unknown.join(', ')}\n`)
  process.exit(2)
}

for (const name of wanted.length > 0 ? wanted : names.filter((each) => each !== LONG)) {
  process.stdout.write(`\n== ${name}\n`)
  const file = name === LONG ? 'rebuild/rebuild' : name
  const child = spawn(process.execPath, ['--expose-gc', `${folder}${file}.ts`, ...flags], { stdio: 'inherit' })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  if (code !== 0) process.exitCode = 1
}
