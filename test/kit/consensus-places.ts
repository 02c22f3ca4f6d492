/**
 * The long walk of `consensus-scenario.ts` under other locales and time zones, by any Node. Node brings the locales itself (ICU) and goes
 * by the environment: a machine need not have them installed, and what each run says of its own is checked, so that none is one by name only.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Of the walk. It changes with the rules or the formats, which is then said in the changelog: networks would part ways. */
export const SCENARIO_ROOT = 'ec6813deb89ae3fb1d3a62f0f7be50f0b122db6f10e018c14451bbe146de9dd3'

const SCRIPT = fileURLToPath(new URL('./consensus-scenario.ts', import.meta.url))
/** `sorted`: in Swedish å comes behind z. `offset`: minutes from local time to UTC at the beginning of 1970. */
const PLACES = [
  { locale: 'C', zone: 'UTC', is: { locale: 'en-US', sorted: 'å z', offset: 0 } },
  { locale: 'tr_TR.UTF-8', zone: 'Asia/Kathmandu', is: { locale: 'tr-TR', sorted: 'å z', offset: -330 } },
  { locale: 'sv_SE.UTF-8', zone: 'America/St_Johns', is: { locale: 'sv-SE', sorted: 'z å', offset: 210 } },
] as const

/** The walk under each of them comes to `SCENARIO_ROOT`. `node`: path of the Node that walks. */
export async function walkEverywhere(node: string): Promise<void> {
  await Promise.all(
    PLACES.map(async ({ locale, zone, is }) => {
      const env = { ...process.env, LANG: locale, LC_ALL: locale, TZ: zone }
      const { stdout } = await promisify(execFile)(node, [SCRIPT], { env })
      assert.deepEqual(JSON.parse(stdout), { root: SCENARIO_ROOT, ...is }, `${node} under ${locale} and ${zone}`)
    }),
  )
}
