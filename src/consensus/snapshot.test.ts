import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createToyNetwork, honest } from '../../test/kit/consensus-network.ts'
import { AppError } from '../base/errors.ts'
import { dumpState, loadState } from './snapshot.ts'

const damaged = (error: unknown) => error instanceof AppError && error.code === 'damaged.snapshot'

test('a restored state goes on as the one that was written', () => {
  const network = createToyNetwork({ organisations: 6 })
  network.build('a', 'pkg:toy/done@1', honest)
  const { request, selection } = network.draw('a', 'pkg:toy/open@1')
  const { machine } = network
  const restored = loadState(machine.constants, dumpState(machine.constants, network.state()))
  assert.deepEqual(machine.root(restored), machine.root(network.state()))
  const at = { heightBlock: restored.at.heightBlock + 1, timeSeconds: restored.at.timeSeconds + 500 }
  const tx = network.commit(selection.selected[0]?.organisation ?? '', request, honest())
  const step = (state: typeof restored) => machine.step(machine.beginBlock(state, at).state, tx, at)
  assert.deepEqual(machine.root(step(restored).state), machine.root(step(network.state()).state))
})

test('a snapshot of another network, cut short, too long, or with one byte changed is refused', () => {
  const network = createToyNetwork({ organisations: 6 })
  network.build('a', 'pkg:toy/done@1', honest)
  const { constants } = network.machine
  const whole = Buffer.concat([...dumpState(constants, network.state())])
  assert.throws(() => loadState({ ...constants, network: 'another.example/log' }, [whole]), damaged)
  assert.throws(() => loadState(constants, [whole.subarray(0, -1)]), damaged)
  assert.throws(() => loadState(constants, [whole, Buffer.of(0)]), damaged)
  assert.throws(() => loadState(constants, [Buffer.alloc(8, 255)]), damaged)
  for (let at = 0; at < whole.length; at += at < 700 ? 1 : 97) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] ?? 0) ^ 1
    assert.throws(() => loadState(constants, [changed]), damaged, `byte ${at}`)
  }
})
