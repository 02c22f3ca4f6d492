import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { playScenario } from '../../test/kit/consensus-scenario.ts'

const script = fileURLToPath(new URL('../../test/kit/consensus-scenario.ts', import.meta.url))
/** Of `playScenario`. It changes with the rules or the formats, which is then said in the changelog: networks would part ways. */
const ROOT = '82a67adc386a927927eed127262a2f586476575988e9d25763df832fb3e5d4e7'

test('the same transactions give the recorded root, here and under other locales and time zones', async () => {
  assert.equal(playScenario(), ROOT)
  const places = [
    { LANG: 'C', LC_ALL: 'C', TZ: 'UTC' },
    { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', TZ: 'Asia/Kathmandu' },
    { LANG: 'sv_SE.UTF-8', LC_ALL: 'sv_SE.UTF-8', TZ: 'America/St_Johns' },
  ]
  const roots = await Promise.all(
    places.map(async (env) => {
      const { stdout } = await promisify(execFile)(process.execPath, [script], { env: { ...process.env, ...env } })
      return stdout.trim()
    }),
  )
  assert.deepEqual(
    roots,
    places.map(() => ROOT),
  )
})
