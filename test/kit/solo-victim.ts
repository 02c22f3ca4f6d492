/**
 * The victim of `src/consensus/solo-crash.test.ts`: an engine with its journal and the real log on disk, which asks for one package after
 * the other, says the size of the log after each acknowledgement, and is killed by its parent. Usage: solo-victim.ts DIRECTORY
 */
import { encodeTransaction } from '../../src/base/entries/transaction.ts'
import { keysFor, openOnDisk } from './solo-scenario.ts'

const [directory = ''] = process.argv.slice(2)
const { engine, log } = await openOnDisk(directory)
const keys = keysFor(engine)
for (let turn = 0; turn < 200; turn += 1) {
  const purl = `pkg:toy/p${engine.state().at.heightBlock}-${turn}@1`
  await engine.submit(encodeTransaction(keys.request(turn % 2 === 0 ? 'a' : 'b', purl)))
  process.stdout.write(`${log.head().size}\n`)
}
