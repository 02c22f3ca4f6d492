/**
 * `npm run model [-- --deep]`: searches the model of agreement exhaustively and prints what each search says, how many states it saw
 * and what it found. Fails if one finds something else than it should. `--deep` adds the longer ones.
 */
import { findTool } from '../kit/needs.ts'
import { BREAKS, HOLDS } from './checks.ts'
import { search } from './spin.ts'

const [spin, cc] = [findTool('spin'), findTool('gcc')]
if (spin === undefined || cc === undefined) {
  process.stderr.write('wanted spin and gcc, found not both: npm run test:tools installs them\n')
  process.exit(7)
}
const deep = process.argv.includes('--deep')
const startMs = performance.now()
let failed = 0
for (const check of [...HOLDS, ...BREAKS]) {
  if (check.deep && !deep) continue
  const { states, transitions, violation } = await search(check, { spin, cc })
  const ok = check.finds === undefined ? violation === undefined : violation?.includes(check.finds) === true
  if (!ok) failed += 1
  const found = violation === undefined ? 'nothing found' : `found: ${violation.trim()}`
  process.stdout.write(
    `${ok ? 'ok    ' : 'FAILED'} ${check.says}\n       ${states} states, ${transitions} transitions; ${found}\n`,
  )
}
process.stdout.write(`${failed} failed, ${((performance.now() - startMs) / 1000).toFixed(1)} s\n`)
process.exitCode = failed === 0 ? 0 : 1
