import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkMachine } from './check-machine.ts'
import type { NodeFacts } from './node-facts.ts'
import type { Senses } from './senses.ts'

const NODE: NodeFacts = { running: undefined, why: 'down', data: '/data', endpoints: {}, builder: true, ports: [] }
const ENVIRONMENT = { variables: {} } as Parameters<typeof checkMachine>[1]

function machine(sandbox: Awaited<ReturnType<Senses['sandbox']>>): Senses {
  const unused = (): never => assert.fail('not to be asked')
  const room = async () => ({ freeBytes: 1e12, totalBytes: 1e12 })
  return { room, sandbox: async () => sandbox, listens: unused, head: unused, run: unused, requestCounts: unused }
}

test('the doctor finds a builder whose machine has no sandbox, and says how it gets one', async () => {
  const missing = { reason: 'bubblewrap is not installed', advice: 'apt-get install bubblewrap' }
  const { findings } = await checkMachine(NODE, ENVIRONMENT, machine(missing))
  assert.deepEqual(
    findings.map(({ severity, check, found, mend }) => [severity, check, found, mend]),
    [['error', 'builder.sandbox', missing.reason, missing.advice]],
  )
})

test('the doctor says by what the builds of a builder are contained', async () => {
  const { findings, well } = await checkMachine(NODE, ENVIRONMENT, machine({ name: 'bubblewrap 0.8.0' }))
  assert.deepEqual([findings, well.at(-1)], [[], 'Builds run contained by bubblewrap 0.8.0'])
})

test('the doctor does not ask for a sandbox where nothing is built', async () => {
  const senses = { ...machine({ name: '' }), sandbox: (): never => assert.fail('not to be asked') }
  const { findings } = await checkMachine({ ...NODE, builder: false }, ENVIRONMENT, senses)
  assert.deepEqual(findings, [])
})
