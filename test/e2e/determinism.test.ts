import assert from 'node:assert/strict'
import { test } from 'node:test'
import { walkEverywhere } from '../kit/consensus-places.ts'
import { needs, toolPath } from '../kit/needs.ts'
import { mustRun } from '../kit/process.ts'

test(
  'the same transactions give the same root on Node 24 and 26, under other locales and time zones',
  needs('node26'),
  async (t) => {
    const versions = await Promise.all(
      [process.execPath, toolPath('node26')].map(async (node) => {
        const { stdout } = await mustRun(node, ['--version'])
        await walkEverywhere(node)
        return stdout.trim()
      }),
    )
    t.diagnostic(versions.join(' and '))
    assert.deepEqual(
      versions.map((version) => version.split('.')[0]),
      ['v24', 'v26'],
    )
  },
)
