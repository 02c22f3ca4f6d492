/**
 * The victim of `src/store/disk-crash.test.ts`: stores blobs one after the other, says each id after its commit, and is killed
 * by its parent. Usage: store-victim.ts DIRECTORY FIRST-SEED
 */
import { silentLogger } from '../../src/base/clock.ts'
import { createDiskStore } from '../../src/store/disk.ts'
import { handClock, sampleBytes, storeBytes } from './store-suite.ts'

const [directory = '', firstSeed = '1'] = process.argv.slice(2)
const first = Number(firstSeed)
const store = await createDiskStore(
  { directory, limitBytes: 1 << 30 },
  {
    clock: handClock(),
    random: { bytes: (count) => Buffer.alloc(count, `${first}`), fraction: () => 0 },
    logger: silentLogger,
  },
)
for (let seed = first; seed < first + 500; seed += 1) {
  const info = await storeBytes(store, sampleBytes(seed % 3 === 0 ? 1_500_000 : 20_000, seed))
  process.stdout.write(`${info.id}\n`)
}
