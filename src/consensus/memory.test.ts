import {
  createToyLog,
  type EngineBench,
  engineSuite,
  toyClock,
  toyGenesis,
  toyMachine,
} from '../../test/kit/engine-suite.ts'
import { createMemoryConsensus } from './memory.ts'

async function open(): Promise<EngineBench> {
  const log = createToyLog()
  const clock = toyClock()
  const engine = await createMemoryConsensus({ genesis: toyGenesis() }, { machine: toyMachine(), log, clock })
  async function pass(blocks: number, laterSeconds: number): Promise<void> {
    for (let block = 0; block < blocks; block += 1) {
      clock.advance(laterSeconds * 1000)
      await engine.pass()
    }
  }
  return { engine, log, clock, pass, restart: undefined }
}

engineSuite('memory', open)
