/**
 * The victim of `src/log/disk.test.ts`: appends entries, says the size of the log after each acknowledgement, and is killed by its
 * parent. Entry `n` is sample entry `n`. Usage: log-victim.ts DIRECTORY create|open
 */
import { silentLogger } from '../../src/base/clock.ts'
import { openDiskWriter } from '../../src/log/disk.ts'
import { LOG_SIGNER, ORIGIN, sampleEntries, sampleKeysOf } from './log-suite.ts'

const [directory = '', how = 'open'] = process.argv.slice(2)
const log = await openDiskWriter(
  { origin: ORIGIN, directory, keysOf: sampleKeysOf, create: how === 'create' },
  LOG_SIGNER,
  { logger: silentLogger },
)
for (let turn = 0; turn < 500; turn += 1) {
  const { size } = await log.append(sampleEntries(1 + ((turn * 37) % 90), log.head().size))
  process.stdout.write(`${size}\n`)
}
